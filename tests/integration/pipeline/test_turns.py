"""Utterances that end by what was said, on a real stack with the default recogniser."""

import asyncio
import json
from collections import Counter
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from common.audio import FloatArray, samples
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import (
    FINALIZE,
    Message,
    Transcript,
    clip,
    config,
    line,
    messages,
    said,
)

TURN = {
    "endpointing": "turn",
    "events": ["speech_ended", "turn_started", "turn_eager_end", "turn_resumed", "turn_ended"],
}
MESSAGE_S = 0.1


async def said_live(stack: RunningStack, audio: FloatArray, **options: Any) -> Transcript:
    """Say audio at the pace it is spoken; return what was told of it."""
    async with line(stack.url) as client:
        await client.say(config(**options), *messages(audio, MESSAGE_S), pace=MESSAGE_S)
        await client.say(FINALIZE)
        return await client.hear_out()


def spoken(name: str) -> FloatArray:
    """Return a clip without the silence before and after it."""
    audio = clip(name)
    (loud,) = np.nonzero(np.abs(audio) > 0.05 * np.abs(audio).max())
    return audio[loud[0] : loud[-1] + 1]


@pytest.mark.parametrize("interim", [True, False])
async def test_a_sentence_that_is_over_ends_in_half_the_silence(stack: RunningStack, interim: bool):
    audio = said(0.5, clip("quick_brown_fox"), 4.5)
    turns = await said_live(stack, audio, silence_threshold=4.0, interim_results=interim, **TURN)
    assert turns.errors == []
    (ended,) = turns.of("speech_ended")
    assert ended["reason"] == "silence"
    # Its words are there long before; the silence is counted from a little before the end.
    assert 1.8 < ended["at"] - ended["end"] < 3.8
    assert turns.texts == ["The quick brown fox jumps over the lazy dog."]
    assert bool(turns.of("partial")) is interim


async def test_a_number_that_is_dictated_in_groups_stays_one_utterance(stack: RunningStack):
    one, two = np.array_split(spoken("counting"), 2)
    audio = said(0.5, one, 3.0, two, 5.0)
    ordinary = await said_live(stack, audio, silence_threshold=2.0)
    turns = await said_live(stack, audio, silence_threshold=2.0, **TURN)
    assert [len(each.texts) for each in (ordinary, turns)] == [2, 1]


async def test_an_end_is_announced_taken_back_and_told(stack: RunningStack):
    fox = spoken("quick_brown_fox")
    audio = said(0.5, fox, 2.4, spoken("counting"), 5.0)
    turns = await said_live(stack, audio, silence_threshold=8.0, **TURN)
    told = [each for each in turns.messages if each["type"].startswith("turn_")]
    kinds = [each["type"].removeprefix("turn_") for each in told]
    # The recogniser is sure of the fox; whether it is of the last number is not the point.
    assert kinds[:3] == ["started", "eager_end", "resumed"]
    assert kinds[-1] == "ended"
    assert [each["step"] for each in told] == list(range(1, len(told) + 1))
    assert {each["turn"] for each in told} == {1}
    eager, ended = told[1], told[-1]
    assert eager["text"] == "The quick brown fox jumps over the lazy dog."
    assert (eager["evidence"], ended["text"]) == ("closed", turns.texts[0])
    assert 0.5 <= eager["confidence"] < 0.7 <= ended["confidence"]
    final = turns.of("final")[0]
    assert turns.messages.index(ended) == turns.messages.index(final) - 1


async def test_turns_are_counted_by_tenant_language_and_protocol(stack: RunningStack):
    def counted() -> Counter[str]:
        with urlopen(f"http://127.0.0.1:{stack.port}/metrics", timeout=20) as answer:
            families = text_string_to_metric_families(answer.read().decode())
        own = {"tenant": "default", "language": "English", "protocol": "native"}
        samples = (each for family in families for each in family.samples)
        return Counter(
            {
                f"{each.name} {each.labels.get('judged', '')}".strip(): each.value
                for each in samples
                if own.items() <= each.labels.items()
            }
        )

    before = await asyncio.to_thread(counted)
    heard = await said_live(stack, said(0.5, spoken("quick_brown_fox"), 1.5), language="en")
    assert heard.finals[0]["language"] == "English"
    more = await asyncio.to_thread(counted) - before
    assert more["callscribe_tenant_turn_ends_total over"] == 1
    assert more["callscribe_tenant_turn_delay_seconds_count"] == 1
    assert more["callscribe_tenant_turn_delay_seconds_sum"] > 0


def interrupted() -> FloatArray:
    """Return a call, float32 [n, 2] at 16 kHz: who counts comes into the other's last second."""
    fox, counting = spoken("quick_brown_fox"), spoken("counting")
    before = np.zeros(len(fox) - samples(1.0), np.float32)
    legs = [said(0.5, fox), said(0.5, before, counting)]
    audio = np.zeros((max(map(len, legs)) + samples(1.5), 2), np.float32)
    for channel, leg in enumerate(legs):
        audio[: len(leg), channel] = leg
    return audio


async def test_both_readers_of_a_call_are_told_alike_who_interrupted_whom(stack: RunningStack):
    audio = interrupted()
    events = ["turn_ended", "turn_overlap"]
    options = {"channels": 2, "events": events, "endpointing": "turn", "words": True}
    async with line(stack.url) as client:
        await client.say(config(**options), *messages(audio.reshape(-1), 2 * MESSAGE_S))
        await client.say(FINALIZE)
        heard = await client.hear_out()
    assert heard.errors == []
    (overlap,) = heard.of("turn_overlap")
    assert (overlap["channel"], overlap["other_channel"]) == (1, 0)
    assert overlap["interrupted"]
    assert not overlap["backchannel"]
    assert 0.5 < overlap["end"] - overlap["start"] < 1.5
    ended = heard.of("turn_ended")
    assert all(0.5 < each["voiced"] < each["end"] - each["start"] for each in ended)
    assert all(0 < each["word_confidence"] <= 1 for each in ended)
    told = await asyncio.to_thread(history, stack, heard.session)
    assert [without_time(each) for each in told if each["type"] == "turn_overlap"] == [
        without_time({**overlap, "session_id": heard.session})
    ]


def history(stack: RunningStack, session: str) -> list[Message]:
    """Return what a reader is told who comes when the call is over."""
    url = f"http://127.0.0.1:{stack.port}/v1/sessions/{session}/events"
    with urlopen(url, timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return [json.loads(each.removeprefix("data: ")) for each in lines if each.startswith("data: ")]


def without_time(message: Message) -> Message:
    return {name: value for name, value in message.items() if name != "timestamp"}


async def test_a_number_that_is_expected_is_waited_for_and_told_before_the_turn_ends(
    stack: RunningStack,
):
    one, two = np.array_split(spoken("counting"), 2)
    audio = said(0.5, one, 2.3, two, 3.0)
    events = ["slot", "turn_ended"]
    expected = {"expect": "digits 10", "endpointing": "turn", "events": events}
    heard = await said_live(stack, audio, silence_threshold=1.1, **expected)
    # Without it a pause of 2.3 s ends the turn: at most twice the silence is waited for.
    assert len(heard.texts) == 1
    *_, final = slots = heard.of("slot")
    assert final["is_final"]
    assert final["raw"] == heard.texts[0]
    assert [each["value"] for each in slots if each["is_final"]] == [final["value"]]
    assert len(final["value"]) > 6


async def test_a_number_in_two_utterances_is_one_answer(stack: RunningStack):
    one, two = np.array_split(spoken("counting"), 2)
    audio = said(0.5, one, 4.5, two, 4.5)
    heard = await said_live(stack, audio, silence_threshold=0.6, expect="digits", events=["slot"])
    assert len(heard.texts) == 2
    first, last = [each for each in heard.of("slot") if each["is_final"]]
    assert [each["slot"] for each in (first, last)] == [first["utterance"]] * 2
    assert last["raw"] == " ".join(heard.texts)
    assert last["value"].startswith(first["value"])
    assert len(last["value"]) > 6
    assert len(last["confidence"]) == len(last["value"])
