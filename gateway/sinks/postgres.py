"""A PostgreSQL database as a sink: calls, finals with their words, keywords and digits as rows.

Each row has the key of its message, so that what is put twice is there once. The row of an erased
call stays, empty but for its id: no message that comes late brings anything back.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from gateway.calls.directory import Known
from gateway.calls.erasures import Did, Erased, Removal
from gateway.readers.rendering import Message, described
from gateway.sinks.every_call import EveryCall, Terms, reason_of
from gateway.sinks.sink import Gone, Note

_SCHEMA = Path(__file__).with_suffix(".sql")
_VERSION = 1
_LOCK = 0x63616C6C
"""Of PostgreSQL's advisory locks: one gateway at a time makes the tables."""
_ANSWER_S = 15.0
_CONNECTIONS = 4
_UNAVAILABLE = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""The character that PostgreSQL cannot hold, in JSON; and the backslashes before its own."""

_CALL = """
INSERT INTO callscribe.calls
    (session_id, conversation_id, name, channels, channel_labels, started)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (session_id) DO UPDATE SET session_id = excluded.session_id
RETURNING erased IS NOT NULL
"""
_FINAL = """
INSERT INTO callscribe.finals
    (session_id, seq, channel, utterance, start_s, end_s, text, language, words)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT DO NOTHING
"""
_WORDS = """
UPDATE callscribe.finals SET words = $4
WHERE session_id = $1 AND channel = $2 AND utterance = $3
"""
_KEYWORD = """
INSERT INTO callscribe.keywords (message_id, session_id, channel, utterance, message)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""
_DIGIT = """
INSERT INTO callscribe.digits (message_id, session_id, channel, at_s, digit)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""
_ENDED = "UPDATE callscribe.calls SET ended = coalesce(ended, now()) WHERE session_id = $1"
_ERASED = """
INSERT INTO callscribe.calls (session_id, erased) VALUES ($1, now())
ON CONFLICT (session_id) DO UPDATE SET
    conversation_id = NULL, name = NULL, channels = NULL, channel_labels = NULL,
    started = NULL, ended = NULL, erased = coalesce(calls.erased, now())
"""
_EMPTIED = tuple(
    f"DELETE FROM callscribe.{table} WHERE session_id = $1"
    for table in ("finals", "keywords", "digits")
)


class Postgres(EveryCall):
    """Implements `gateway.sinks.sink.Sink`; see `EveryCall`.

    `url` is libpq's, and what it lacks is read from libpq's environment and files. The tables are
    made in the schema ``callscribe`` where they are missing.
    """

    most = 100

    def __init__(self, terms: Terms, url: str) -> None:
        super().__init__(terms)
        self._url = url
        self._pool: Any = None
        self._prepared = False
        self._preparing = asyncio.Lock()

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """See `Sink`."""
        self._pool = await asyncpg.create_pool(
            self._url, min_size=0, max_size=_CONNECTIONS, command_timeout=_ANSWER_S
        )
        try:
            yield
        finally:
            self._pool.terminate()

    async def check(self) -> str | None:
        """See `Sink`."""
        try:
            async with self._pool.acquire(timeout=_ANSWER_S):
                return None
        except _UNAVAILABLE as error:
            return reason_of(error)

    async def put(self, known: Known, notes: Sequence[Note]) -> float | None:
        """See `Sink`."""
        try:
            async with self._transaction() as database:
                if await database.fetchval(_CALL, *_call(known)):
                    raise Gone("it was erased")
                for note in notes:
                    if (row := _row(known.session, note)) is not None:
                        await database.execute(*row)
        except _UNAVAILABLE as error:
            self._failed(error)
            return 0.0
        self.tally.delivered()
        return None

    async def erase(self, erased: Erased) -> Did:
        """See `Sink`."""
        try:
            async with self._transaction() as database:
                for statement in (_ERASED, *_EMPTIED):
                    await database.execute(statement, erased.session)
        except _UNAVAILABLE as error:
            return self._unerased(error)
        return Did(Removal.REMOVED)

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[Any]:
        async with self._pool.acquire(timeout=_ANSWER_S) as database:
            async with self._preparing:
                if not self._prepared:
                    await _prepare(database)
                    self._prepared = True
            async with database.transaction():
                yield database


async def _prepare(database: Any) -> None:
    """Make the tables unless they are there. Raises RuntimeError if a later release made them."""
    async with database.transaction():
        await database.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await database.execute("CREATE SCHEMA IF NOT EXISTS callscribe")
        await database.execute("CREATE TABLE IF NOT EXISTS callscribe.version (version integer)")
        version = await database.fetchval("SELECT max(version) FROM callscribe.version") or 0
        if version > _VERSION:
            raise RuntimeError(f"the database's tables have version {version}, this is {_VERSION}")
        if version < _VERSION:
            await database.execute(_SCHEMA.read_text())
            await database.execute("INSERT INTO callscribe.version VALUES ($1)", _VERSION)


def _call(known: Known) -> tuple[Any, ...]:
    facts = described(known)
    return (
        known.session,
        _text(facts.get("conversation_id")),
        _text(facts.get("name")),
        facts["channels"],
        [_text(label) for label in facts.get("channel_labels", [])],
        datetime.fromtimestamp(facts["started"], UTC),
    )


def _row(session: str, note: Note) -> tuple[Any, ...] | None:
    """Return the statement that writes a message, with its arguments; None for one without."""
    message = note.message
    place = (session, message.get("channel"), message.get("utterance"))
    match message["type"]:
        case "final":
            return _FINAL, *_final(session, message)
        case "words":
            return _WORDS, *place, _json(message["words"])
        case "keyword":
            return _KEYWORD, note.id, *place, _json(message)
        case "dtmf":
            at, digit = message["at"], message["digit"]
            return _DIGIT, note.id, session, message["channel"], at, digit
        case "session_ended":
            return _ENDED, session
        case _:
            return None


def _final(session: str, message: Message) -> tuple[Any, ...]:
    return (
        session,
        message["seq"],
        message["channel"],
        message["utterance"],
        message["start"],
        message["end"],
        _text(message["text"]),
        message["language"],
        _json(message.get("words")),
    )


def _json(value: Any) -> str | None:
    return None if value is None else _NUL.sub(r"\1", json.dumps(value, ensure_ascii=False))


def _text(value: str | None) -> str | None:
    """Return a text without what PostgreSQL cannot hold."""
    return value and value.replace("\0", "")
