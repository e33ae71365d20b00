"""Utterances that end by what was said, on a real stack with the default recogniser."""

from typing import Any

import numpy as np
import pytest

from common.audio import FloatArray
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import (
    FINALIZE,
    Transcript,
    clip,
    config,
    line,
    messages,
    said,
)

TURN = {"endpointing": "turn", "events": ["speech_ended"]}
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
