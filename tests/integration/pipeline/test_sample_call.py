"""The sample call, a telephone conversation of a minute, through the whole stack."""

import asyncio
import json
import random
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.resources import files
from itertools import pairwise

import jiwer
import pytest

from asr_worker.api import DecodeRequest, EngineSettings, Priority
from asr_worker.engines import whisper
from common.audio import pcm16_to_float
from gateway.protocols.commands import AudioFormat
from gateway.uplink.decoder import AudioDecoder
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import (
    FINALIZE,
    SPEECH_EVENTS,
    Transcript,
    config,
    converse,
    pcm16,
    sample_call,
    split,
)

pytestmark = pytest.mark.model_text

CHANNELS = range(2)
MESSAGE_SECONDS = 0.1


@pytest.fixture(scope="module", autouse=True)
def real_pace(stack: RunningStack) -> Iterator["Future[Transcript]"]:
    """The transcript of the sample call as a telephone would send it, beside the other tests."""
    audio = split(pcm16(sample_call()), round(8_000 * MESSAGE_SECONDS) * 4)
    opening = config(sample_rate=8_000, channels=2, events=SPEECH_EVENTS)
    call = converse(stack.url, opening, *audio, FINALIZE, pace=MESSAGE_SECONDS)
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as thread:
        task = loop.create_task(call)
        running = thread.submit(loop.run_until_complete, task)
        yield running
        loop.call_soon_threadsafe(task.cancel)
    loop.close()


def normal(text: str) -> str:
    text = text.lower().replace("-", " ")
    return " ".join(re.findall(r"[a-z']+", text))


def reference() -> list[str]:
    turns = json.loads((files("callscribe.sample") / "sample_call.json").read_text())["turns"]
    return [" ".join(t["text"] for t in turns if t["channel"] == c) for c in CHANNELS]


def word_error_rate(texts: list[str]) -> float:
    """Return the rate over both channels; prints each channel's."""
    truth, heard = [normal(t) for t in reference()], [normal(t) for t in texts]
    for channel in CHANNELS:
        print(f"  channel {channel}: {jiwer.wer(truth[channel], heard[channel]):.2%}")
    rate = jiwer.wer(truth, heard)
    assert isinstance(rate, float)
    return rate


async def decoded_whole() -> list[str]:
    """Return what the same engine makes of each whole channel at once."""
    ingest = AudioDecoder(AudioFormat("pcm16", 8_000, 2))
    legs = [a + b for a, b in zip(ingest.push(pcm16(sample_call())), ingest.flush(), strict=True)]
    engine = whisper.build(EngineSettings(threads=1))
    await engine.start()
    try:
        return [(await engine.decode(whole(leg, n))).text for n, leg in enumerate(legs)]
    finally:
        await engine.close()


def whole(leg: bytes, number: int) -> DecodeRequest:
    return DecodeRequest(
        utterance=f"whole.{number}", audio=pcm16_to_float(leg), priority=Priority.FINAL, final=True
    )


async def test_any_split_into_messages_gives_the_same_call(stack: RunningStack):
    call = pcm16(sample_call(21.0))
    second = 8_000 * 2 * 2

    def randomly() -> Iterator[bytes]:
        rng, start = random.Random(5), 0
        while start < len(call):
            end = start + rng.randrange(1, 9_000)
            yield call[start:end]
            start = end

    splits = [
        *(list(split(call, round(size * second))) for size in (0.01, 0.1, 1.0)),
        list(randomly()),
    ]
    opening = config(sample_rate=8_000, channels=2, interim_results=False, events=SPEECH_EVENTS)
    calls = await asyncio.gather(*(converse(stack.url, opening, *s, FINALIZE) for s in splits))
    first, *others = calls
    ended = first.of("speech_ended")
    assert len(ended) == len(first.of("speech_started")) >= 5
    for other in others:
        assert other.speech_events() == first.speech_events()
        assert other.by_utterance() == first.by_utterance()


def test_every_utterance_has_one_final_and_they_are_numbered_in_order(
    real_pace: "Future[Transcript]",
):
    transcript = real_pace.result(90)
    assert transcript.close_code == 1000
    assert transcript.errors == []
    numbers = [final["seq"] for final in transcript.finals]
    assert numbers == list(range(1, len(numbers) + 1))
    for channel in CHANNELS:
        finals = [f for f in transcript.finals if f["channel"] == channel]
        assert [f["utterance"] for f in finals] == list(range(1, len(finals) + 1))
        assert all(a["end"] <= b["start"] for a, b in pairwise(finals))
        ended = [e for e in transcript.of("speech_ended") if e["channel"] == channel]
        spoken = [(f["utterance"], f["start"], f["end"]) for f in finals if f["text"]]
        assert spoken == [(e["utterance"], e["start"], e["end"]) for e in ended]


def test_partials_precede_their_final_and_what_is_stable_stays(real_pace: "Future[Transcript]"):
    transcript = real_pace.result(90)
    settled: set[tuple[int, int]] = set()
    stable: dict[tuple[int, int], str] = {}
    for message in transcript.of("partial", "final"):
        utterance = (message["channel"], message["utterance"])
        assert utterance not in settled
        if message["type"] == "final":
            settled.add(utterance)
            continue
        before, now = stable.get(utterance, ""), message["text"][: message["stable"]]
        assert now.startswith(before)
        stable[utterance] = now
    # Under load partials are the first to be left out; of 14 utterances only some have any then.
    assert len(stable) >= 3


async def test_live_words_are_as_right_as_offline_ones(real_pace: "Future[Transcript]"):
    offline = await decoded_whole()
    transcript = real_pace.result(90)
    live = [" ".join(f["text"] for f in transcript.finals if f["channel"] == c) for c in CHANNELS]
    print("offline, each channel decoded whole")
    offline_rate = word_error_rate(offline)
    print("live")
    live_rate = word_error_rate(live)
    print(f"word error rate: live {live_rate:.2%}, offline {offline_rate:.2%}")
    assert live_rate <= offline_rate + 0.02
