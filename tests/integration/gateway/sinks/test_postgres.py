"""A database gets every row once, whatever dies meanwhile, and keeps nothing of erased calls."""

import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from common.bus import commands
from common.bus.sinks import erasure
from common.pipeline import text
from gateway.protocols.commands import About
from gateway.sinks.sink import Gone, Note
from tests.integration.callscribe.processes import until_true
from tests.integration.gateway.sinks.calls import final, opened, say
from tests.integration.gateway.sinks.database import Database, programs
from tests.integration.gateway.sinks.resources import asking
from tests.integration.gateway.sinks.running import attending, terms

asyncpg = pytest.importorskip("asyncpg", reason="needs the extra postgres")
postgres = pytest.importorskip("gateway.sinks.postgres")

_FINALS = "SELECT seq, channel, utterance, text FROM callscribe.finals ORDER BY seq"


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    folder = programs()
    if folder is None:
        pytest.skip("needs Debian's postgresql")
    # pytest's own folders are closed to the user that runs the server.
    with tempfile.TemporaryDirectory(prefix="callscribe-postgres-") as place:
        database = Database(Path(place), folder)
        database.start()
        yield database
        database.stop()


@pytest.fixture
async def rows(server: Database) -> AsyncIterator[Any]:
    """A connection to a database without our tables."""
    connection = await asyncpg.connect(server.url)
    await connection.execute("DROP SCHEMA IF EXISTS callscribe CASCADE")
    yield connection
    await connection.close()


class Outcomes(list[str]):
    """What came of attempts, in order."""

    def database(self, server: Database) -> Any:
        """Return a sink that tells of its attempts here."""
        return postgres.Postgres(terms("crm", self.append), server.url)


async def test_rows_come_as_they_are_said(link, feed, server, rows):
    outcomes = Outcomes()
    about = About(conversation="case\0 7", name="sales", labels=("customer",))
    await opened(link, "crm", about)
    async with attending(link, feed, outcomes.database(server)) as service:
        await say(link, 1, final("hel\0lo"))
        await until_true(lambda: outcomes.count("delivered") > 1)
        (row,) = await rows.fetch(_FINALS)
        assert tuple(row) == (1, 0, 1, "hello")
        call = await rows.fetchrow("SELECT * FROM callscribe.calls")
        assert (call["conversation_id"], call["name"], call["channels"]) == ("case 7", "sales", 1)
        assert call["channel_labels"] == ["customer"]
        assert (call["started"].timestamp(), call["ended"], call["erased"]) == (5.0, None, None)
        word = text.TimedWord("world", 160, 8_000, 0.9)
        await say(link, 2, replace(final("world"), words=(word,)))
        await say(link, 3, text.End())
        await until_true(lambda: not service._running)
    (listed,) = await rows.fetch("SELECT words FROM callscribe.finals WHERE seq = 2")
    assert json.loads(listed["words"]) == [
        {"word": "world", "start": 0.01, "end": 0.5, "probability": 0.9}
    ]
    assert await rows.fetchval("SELECT ended IS NOT NULL FROM callscribe.calls")


async def test_a_database_that_was_away_gets_everything_once(link, feed, server, rows):
    outcomes = Outcomes()
    await opened(link, "crm")
    async with attending(link, feed, outcomes.database(server)):
        await say(link, 1, final("one"))
        await until_true(lambda: "delivered" in outcomes)
        server.stop()
        await say(link, 2, final("two"))
        await until_true(lambda: outcomes.count("failed") > 1)
    # Another gateway goes on, for which nothing was written of the second.
    server.start()
    outcomes.clear()
    async with attending(link, feed, outcomes.database(server)) as service:
        await say(link, 3, text.End())
        await until_true(lambda: outcomes and not service._running)
    again = await asyncpg.connect(server.url)
    assert [row["text"] for row in await again.fetch(_FINALS)] == ["one", "two"]
    await again.close()


async def test_what_is_put_twice_is_there_once(link, server, rows):
    known = await opened(link, "crm")
    message = {"type": "final", "seq": 1, "channel": 0, "utterance": 1, "start": 0.0, "end": 1.0}
    note = Note("s:1", message | {"text": "one", "language": None}, 1)
    digit = {"type": "dtmf", "channel": 0, "at": 0.5, "digit": "#"}
    word = "one \0 \\u0000"  # a character that PostgreSQL cannot hold, and six that it can
    keyword = {"type": "keyword", "channel": 0, "utterance": 1, "keyword": word}
    notes = [note, Note("s:dtmf:0:8000", digit, None), Note("s:keyword:0:1:0", keyword, None)]
    sink = Outcomes().database(server)
    async with sink.opened():
        for _ in range(2):
            assert await sink.put(known, notes) is None
    for table in ("calls", "finals", "digits", "keywords"):
        assert await rows.fetchval(f"SELECT count(*) FROM callscribe.{table}") == 1
    said = await rows.fetchval("SELECT message FROM callscribe.keywords")
    assert json.loads(said)["keyword"] == "one  \\u0000"


async def test_an_erased_call_leaves_its_id_and_takes_nothing_more(link, feed, server, rows):
    outcomes = Outcomes()
    known = await opened(link, "crm", About(conversation="secret"))
    await say(link, 1, final("secret"))
    await say(link, 2, text.End())
    sink = outcomes.database(server)
    async with attending(link, feed, sink) as service:
        await until_true(lambda: "delivered" in outcomes and not service._running)
        await link.insist([commands.due("crm", erasure("s"))])
        await until_true(lambda: service._running)
        await until_true(lambda: not service._running)
        with pytest.raises(Gone):
            await sink.put(known, [])
    assert await rows.fetch(_FINALS) == []
    (call,) = await rows.fetch("SELECT * FROM callscribe.calls")
    assert {name for name, value in call.items() if value is not None} == {"session_id", "erased"}


async def test_a_call_that_redis_lost_leaves_its_id_once_the_database_is_back(
    link, feed, server, rows
):
    outcomes = Outcomes()
    session = "0123456789abcdef0123456789abcdef"
    sink = outcomes.database(server)
    known = replace(await opened(link, "crm", About(conversation="secret")), session=session)
    message = {"type": "final", "seq": 1, "channel": 0, "utterance": 1, "start": 0.0, "end": 1.0}
    async with sink.opened():
        await sink.put(known, [Note("1", message | {"text": "secret", "language": None}, 1)])
    await link.insist([commands.undue("crm", "s")])
    server.stop()
    async with asking(link, feed, ["crm"]) as ask:
        assert (await ask.erase(session))[0] == 202
        async with attending(link, feed, outcomes.database(server)) as service:
            await until_true(lambda: outcomes.count("failed") > 1)
            _, report = await ask.report(session)
            (said,) = report["sinks"]
            assert (said["state"], bool(said["reason"]), report["done"]) == ("waiting", True, False)
            server.start()
            await until_true(lambda: not service._running)
        assert await ask.states(session) == {"crm": "removed"}
    again = await asyncpg.connect(server.url)
    assert await again.fetch(_FINALS) == []
    (call,) = await again.fetch("SELECT * FROM callscribe.calls")
    await again.close()
    assert {name for name, value in call.items() if value is not None} == {"session_id", "erased"}


async def test_tables_of_a_later_release_are_left_alone(link, server, rows):
    known = await opened(link, "crm")
    sink = Outcomes().database(server)
    async with sink.opened():
        await sink.put(known, [])
    await rows.execute("INSERT INTO callscribe.version VALUES (2)")
    later = Outcomes().database(server)
    async with later.opened():
        with pytest.raises(RuntimeError, match="version 2, this is 1"):
            await later.put(known, [])
