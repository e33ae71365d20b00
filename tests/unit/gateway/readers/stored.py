"""Calls as readers find them, and a stand-in for the Redis that holds their results."""

from typing import Any, cast

from common.bus import keys, wire
from common.bus.keys import Leg
from common.options import SessionOptions
from common.pipeline import text
from common.pipeline.record import pack
from common.pipeline.trace import Decoding, Endpoint
from common.redis.link import Command, Link
from common.telemetry.metrics import BusMetrics, new_registry
from gateway.calls.directory import Known
from gateway.feed.feed import Feed
from gateway.protocols.commands import About, AudioFormat
from gateway.record import SessionRecord

RECORD = SessionRecord(
    SessionOptions(words=True),
    AudioFormat("pcm16", 16_000, 1),
    frozenset(),
    About(labels=("agent",)),
    doorbell="gw",
    stages=frozenset({"align"}),
)
KNOWN = Known("s", RECORD, "gw", 5_000)
LATER = Known("t", RECORD, "gw", 6_500)
ENDPOINT = Endpoint(heard=3.0, decided=3.125, worker="vad", denoised=2.5, denoiser="dfn")
DECODING = Decoding(begun=3.25, ended=3.5, worker="asr")
WORDS = text.Words((text.TimedWord("secret", 8_000, 16_000, 0.5),))


class Redis:
    """Stands in for the link: texts and traces by key."""

    def __init__(self) -> None:
        self.streams: dict[bytes, list[Any]] = {}

    def neighbours(self, partition: int) -> int:
        return partition

    async def insist(self, commands: list[Command]) -> list[Any]:
        return [self._answer(command) for command in commands]

    def _answer(self, command: Command) -> Any:
        if command[0] == "XRANGE":
            return self.streams.get(cast(bytes, command[1]), [])
        after = command[list(command).index(b"STREAMS") + 1 :]
        names, cursors = after[: len(after) // 2], after[len(after) // 2 :]
        return [
            (name, [each for each in self.streams[name] if each[0] > cast(bytes, at)])
            for name, at in zip(names, cursors, strict=True)
            if isinstance(name, bytes) and name in self.streams
        ]

    def tell(self, session: str, *finals: text.Final, words: bool = False) -> None:
        entries = [
            (
                b"%d-1" % number,
                [b"s", b"%d" % number, b"p", pack(final), wire.COMMITTED_FIELD, b"3.75"],
            )
            for number, final in enumerate(finals, 1)
        ]
        if words:
            entries.append((b"1-2", [b"s", b"9", b"u", b"1", b"w", pack(WORDS)]))
        self.streams[Leg(session, 0).key("text")] = entries

    def trace(self, session: str, *entries: Any) -> None:
        self.streams[keys.session_key(session, "trace")] = [
            (b"%d-1" % n, [b"p", pack(each)]) for n, each in enumerate(entries, 1)
        ]


def final(**given: Any) -> text.Final:
    usual: dict[str, Any] = {"start": 0, "end": 16_000, "at": 32_000, "text": "secret"}
    usual |= {"reason": "silence", "endpoint": ENDPOINT, "decoding": DECODING}
    return text.Final(**(usual | given))


def feed_of(redis: Redis) -> Feed:
    """Return a feed that looks when it is asked to."""
    metrics = BusMetrics.build(new_registry(version="0", service="gateway"))
    return Feed(cast(Link, redis), "gw", metrics, cast(Any, None))
