"""What a trace tells of a final: all stamps that are known, and nothing that was said."""

from typing import Any, cast

from common.bus import keys, wire
from common.bus.keys import Leg
from common.options import SessionOptions
from common.pipeline import text
from common.pipeline.record import pack
from common.pipeline.trace import PARTS, Decoding, Endpoint, SentFinal, SentWords
from common.redis.link import Command, Link
from gateway.calls.directory import Known
from gateway.calls.record import SessionRecord
from gateway.protocols.commands import About, AudioFormat
from gateway.readers.trace import read_trace

RECORD = SessionRecord(
    SessionOptions(words=True),
    AudioFormat("pcm16", 16_000, 1),
    frozenset(),
    About(labels=("agent",)),
    align=True,
    doorbell="gw",
    denoised=False,
)
KNOWN = Known("s", RECORD, "gw", 5_000)
LATER = Known("t", RECORD, "gw", 6_500)
ENDPOINT = Endpoint(heard=3.0, decided=3.125, worker="vad", denoised=2.5, denoiser="dfn")
DECODING = Decoding(begun=3.25, ended=3.5, worker="asr")
WORDS = text.Words((text.TimedWord("secret", 8_000, 16_000, 0.5),))
SENT = SentFinal(
    channel=0, utterance=1, gateway="gw", spoken=1.0, received=2.0, stored=2.25, sent=4.0
)


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


async def traced(redis: Redis, *calls: Known) -> dict[str, Any]:
    return await read_trace(cast(Link, redis), calls or [KNOWN])


async def test_all_that_is_known_of_a_final_is_told_but_no_word():
    redis = Redis()
    redis.tell("s", final(align="d"), words=True)
    redis.trace("s", SENT, SentWords(channel=0, utterance=1, words=(0.75,)))
    found = await traced(redis)
    assert found == {
        "session_ids": ["s"],
        "conversation_id": None,
        "complete": False,
        "utterances": [
            {
                "session_id": "s",
                "channel": 0,
                "label": "agent",
                "utterance": 1,
                "seq": 1,
                "start": 0.0,
                "end": 1.0,
                "reason": "silence",
                "text_length": 6,
                "stamps": {
                    "spoken": 1.0,
                    "received": 2.0,
                    "stored": 2.25,
                    "denoised": 2.5,
                    "heard": 3.0,
                    "endpoint": 3.125,
                    "decode_begun": 3.25,
                    "decode_ended": 3.5,
                    "committed": 3.75,
                    "sent": 4.0,
                },
                "parts": [
                    {"part": "silence", "ms": 1000.0},
                    {"part": "store", "ms": 250.0},
                    {"part": "denoise", "ms": 250.0},
                    {"part": "hear", "ms": 500.0},
                    {"part": "decide", "ms": 125.0},
                    {"part": "queue", "ms": 125.0},
                    {"part": "decode", "ms": 250.0},
                    {"part": "commit", "ms": 250.0},
                    {"part": "send", "ms": 250.0},
                ],
                "workers": {"gateway": "gw", "denoise": "dfn", "vad": "vad", "asr": "asr"},
                "words": [{"index": 1, "start": 0.5, "end": 1.0, "received": 0.75}],
            }
        ],
    }
    assert "secret" not in str(found)


async def test_what_a_gateway_took_with_it_is_none():
    redis = Redis()
    redis.tell("s", final(endpoint=None), final(text="", reason="flush", decoding=None))
    first, second = (await traced(redis))["utterances"]
    stamps = first["stamps"]
    assert [*stamps] == [*PARTS]
    assert {name for name, at in stamps.items() if at is not None} == {
        *("decode_begun", "decode_ended", "committed")
    }
    assert first["workers"] == {"gateway": None, "denoise": None, "vad": None, "asr": "asr"}
    assert "words" not in first
    assert second["workers"]["vad"] == "vad"


async def test_noise_is_not_told():
    redis = Redis()
    redis.tell("s", final(text="", shown=False))
    assert (await traced(redis))["utterances"] == []


async def test_several_calls_are_told_in_the_order_of_what_was_said():
    redis = Redis()
    redis.tell("s", final(start=32_000, end=48_000))
    redis.tell("t", final(words=WORDS.words))
    redis.trace("t", SENT)
    later, first = (await traced(redis, KNOWN, LATER))["utterances"]
    assert (later["session_id"], later["start"]) == ("t", 1.5)
    assert later["words"] == [{"index": 1, "start": 2.0, "end": 2.5, "received": None}]
    assert (first["session_id"], first["start"]) == ("s", 2.0)
