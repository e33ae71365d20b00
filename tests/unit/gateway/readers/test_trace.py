"""What a trace tells of a final: all stamps that are known, and nothing that was said."""

from typing import Any, cast

from common.pipeline.trace import PARTS, SentFinal, SentWords
from common.redis.link import Link
from gateway.calls.directory import Known
from gateway.readers.trace import read_trace
from tests.unit.gateway.readers.stored import KNOWN, LATER, WORDS, Redis, final

SENT = SentFinal(
    channel=0, utterance=1, gateway="gw", spoken=1.0, received=2.0, stored=2.25, sent=4.0
)


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
