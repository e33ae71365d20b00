"""A folder gets a file of each call: whole or not at all, and once."""

import json
from pathlib import Path
from typing import Any

from common.bus import commands
from common.bus.sinks import erasure
from common.pipeline import text
from gateway.sinks.files import CallFiles
from gateway.sinks.folder import Folder
from tests.integration.callscribe.processes import until_true
from tests.integration.gateway.sinks.calls import LEG, META_KEY, final, opened, say
from tests.integration.gateway.sinks.running import RETENTION, attending, terms


class Outcomes(list[str]):
    """What came of attempts, in order."""

    def folder(self, path: Path) -> CallFiles:
        """Return a sink that tells of its attempts here."""
        return CallFiles(terms("archive", self.append), Folder(path))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_a_call_is_written_when_it_is_over_whichever_gateway_is_there(link, feed, tmp_path):
    outcomes = Outcomes()
    await opened(link, "archive")
    await say(link, 1, final("hello"))
    async with attending(link, feed, outcomes.folder(tmp_path)) as service:
        await until_true(lambda: service._running)
        await say(link, 2, final("zwölf"))
    assert list(tmp_path.iterdir()) == []
    async with attending(link, feed, outcomes.folder(tmp_path)):
        await say(link, 3, text.End())
        await until_true(lambda: outcomes)
    (path,) = tmp_path.glob("*/*")
    assert path == tmp_path / "1970-01-01" / "s.ndjson"
    assert path.stat().st_mode & 0o777 == 0o640
    told = lines(path)
    assert [each["type"] for each in told] == [
        "session_created",
        "final",
        "final",
        "session_ended",
    ]
    assert [each.get("text") for each in told] == [None, "hello", "zwölf", None]
    assert [each["id"] for each in told] == ["s:0", "s:1", "s:2", "s:end"]
    assert outcomes == ["delivered"]


async def test_a_folder_that_cannot_be_written_gets_the_call_later(link, feed, tmp_path):
    outcomes = Outcomes()
    place = tmp_path / "folder"
    place.write_text("a file where the folder should be")
    await opened(link, "archive")
    await say(link, 1, text.End())
    async with attending(link, feed, outcomes.folder(place)):
        await until_true(lambda: outcomes.count("failed") > 1)
        place.unlink()
        await until_true(lambda: "delivered" in outcomes)
    assert len(lines(place / "1970-01-01" / "s.ndjson")) == 2


async def test_what_a_gateway_left_that_died_while_writing_is_erased_as_well(tmp_path, monkeypatch):
    folder = Folder(tmp_path)
    with monkeypatch.context() as dying:
        dying.setattr(Path, "replace", lambda begun, path: None)
        for name in ("s.ndjson", "other.ndjson"):
            await folder.write("2026-11-25", name, b"secret")
    other, begun = sorted((tmp_path / "2026-11-25").iterdir())
    await folder.remove(["s.ndjson"])
    assert (begun.exists(), other.exists()) == (False, True)


async def test_an_erased_call_is_removed_even_if_it_is_written_late(link, feed, tmp_path):
    outcomes = Outcomes()
    known = await opened(link, "archive")
    await say(link, 1, text.End())
    folder = outcomes.folder(tmp_path)
    async with attending(link, feed, folder) as service:
        await until_true(lambda: "delivered" in outcomes and not service._running)
        (path,) = tmp_path.glob("*/*")
        other = path.with_name("other.ndjson")
        other.write_text("{}")
        await link.insist([commands.due("archive", erasure("s"))])
        await until_true(lambda: not path.exists())
        await folder.put(known, [])
        assert path.exists()
        await until_true(lambda: not path.exists())
        await until_true(lambda: not service._running)
    assert other.exists()
    assert await link.call("ZCARD", b"cs:v2:{archive}:due") == 0


async def test_a_call_lives_no_longer_for_it_than_it_must(link, feed, tmp_path):
    outcomes = Outcomes()
    await opened(link, "archive")
    await link.insist([commands.due("other", "s")])
    await say(link, 1, text.End())
    async with attending(link, feed, outcomes.folder(tmp_path), every=("archive", "other")) as one:
        await until_true(lambda: "delivered" in outcomes and not one._running)
    # Another sink still needs it.
    assert await link.call("TTL", META_KEY) > 500
    other = CallFiles(terms("other", outcomes.append), Folder(tmp_path))
    async with attending(link, feed, other) as two:
        await until_true(lambda: outcomes.count("delivered") > 1 and not two._running)
    for key in (META_KEY, LEG.key("text")):
        assert 0 < await link.call("TTL", key) <= RETENTION
