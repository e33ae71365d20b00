"""Where utterances begin and end, in real speech with silence cut into it."""

import numpy as np

from common.audio import SAMPLE_RATE
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import (
    FINALIZE,
    SPEECH_EVENTS,
    clip,
    config,
    converse,
    messages,
    said,
    sentence,
)


def spoken() -> np.ndarray:
    """Return the sentence without the silence before and after it."""
    audio = clip("quick_brown_fox")
    (loud,) = np.nonzero(np.abs(audio) > 0.05 * np.abs(audio).max())
    return audio[loud[0] : loud[-1] + 1]


async def test_three_short_pauses_do_not_end_an_utterance_and_a_long_one_does(
    stack: RunningStack,
):
    one, two, three, four, five = np.array_split(spoken(), 5)
    before = said(0.5, one, 0.3, two, 0.3, three, 0.3, four)
    audio = said(before, 0.9, five, 1.0)
    opening = config(silence_threshold=0.8, events=SPEECH_EVENTS)
    transcript = await converse(stack.url, opening, *messages(audio), FINALIZE)
    first, second = transcript.of("speech_ended")
    assert first["reason"] == "silence"
    silent_from = len(before) / SAMPLE_RATE
    assert silent_from <= first["end"] < silent_from + 0.9
    assert second["start"] >= first["end"]


async def test_a_silence_is_counted_from_the_last_speech(stack: RunningStack):
    one, two = np.array_split(spoken(), 2)
    audio = said(0.5, one, 0.5, two, 0.5, one, 0.5, two, 1.0)
    opening = config(silence_threshold=0.8, events=SPEECH_EVENTS)
    transcript = await converse(stack.url, opening, *messages(audio), FINALIZE)
    assert len(transcript.of("speech_ended")) == 1


async def test_the_first_phoneme_is_inside_the_utterance(stack: RunningStack):
    audio = sentence()
    (loud,) = np.nonzero(np.abs(audio) > 0.02 * np.abs(audio).max())
    opening = config(events=SPEECH_EVENTS)
    transcript = await converse(stack.url, opening, *messages(audio), FINALIZE)
    (started,) = transcript.of("speech_started")
    (final,) = [final for final in transcript.finals if final["text"]]
    assert started["start"] <= loud[0] / SAMPLE_RATE
    assert final["start"] == started["start"]
    assert final["end"] >= loud[-1] / SAMPLE_RATE - 0.1


async def test_an_utterance_is_cut_at_its_longest(stack: RunningStack):
    audio = said(0.3, spoken(), spoken(), spoken(), 1.0)
    opening = config(max_utterance=3.0, events=SPEECH_EVENTS)
    transcript = await converse(stack.url, opening, *messages(audio), FINALIZE)
    ended = transcript.of("speech_ended")
    assert {e["reason"] for e in ended[:-1]} == {"length"}
    assert all(e["end"] - e["start"] <= 3.0 for e in ended)
    assert [e["end"] for e in ended[:-1]] == [s["start"] for s in transcript.of("speech_started")][
        1:
    ]
