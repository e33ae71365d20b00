"""What Moonshine's results are believed to mean, without a model."""

from typing import Any

import numpy as np
import pytest

from asr_worker.api import DecodeRequest, Priority
from asr_worker.cpu.clips import Heard
from asr_worker.moonshine.pieces import Clip, Piece, attempts, is_audible
from common.audio import SAMPLE_RATE


def piece(text: str, **more: Any) -> Piece:
    facts: dict[str, Any] = {"logprob": -0.2, "no_speech": 0.01, "complete": True}
    encoded = np.zeros((1, 10, 416), np.float32)
    return Piece(tokens=[5], text=text, encoded=encoded, before=0, **(facts | more))


THANKS = piece("Thank you.", logprob=-2.0, no_speech=0.45)


def test_zeros_and_what_is_hardly_more_are_no_sound():
    silence = np.zeros(SAMPLE_RATE, np.float32)
    assert not is_audible(silence)
    assert not is_audible(silence[:0])
    assert not is_audible(silence + np.float32(1e-4))
    silence[7] = -1e-3
    assert is_audible(silence)


@pytest.mark.parametrize("length", [1_600, 7_999, 8_000, 8_001, 100_000, 480_000])
def test_silence_follows_and_clips_are_alike_in_steps_of_half_a_second(length):
    first, second = attempts(length)
    assert first.before == 0
    assert 0.3 <= first.behind / SAMPLE_RATE < 0.8
    assert first.around(length) % (SAMPLE_RATE // 2) == 0
    assert second.before > 0
    assert second.around(length) > first.around(length)


@pytest.mark.parametrize("final", [False, True])
def test_a_likely_text_is_believed(final):
    assert piece("Ask not.").plausible(final=final)


def test_an_unlikely_text_that_may_be_no_speech_is_nothing():
    assert THANKS.silent
    assert THANKS.settled().text == ""
    assert THANKS.settled().complete


def test_one_of_both_is_no_reason_to_drop_it():
    assert piece("Ask not.", logprob=-0.6, no_speech=0.35).settled().text == "Ask not."
    assert piece("Ask not.", logprob=-2.0).settled().text == "Ask not."


def test_a_text_without_words_is_nothing():
    assert piece("♪ ♪").settled().text == ""


@pytest.mark.parametrize(
    "doubtful",
    [
        THANKS,
        piece(""),
        piece("ask not", logprob=-1.2),
        piece("ask not", complete=False),
        piece("bell come quickly. " * 5),
        piece("And so my fellow Americans, and so my fellow Americans."),
    ],
)
def test_a_final_is_tried_again_where_it_says_nothing_or_too_much(doubtful):
    assert not doubtful.plausible(final=True)


@pytest.mark.parametrize("empty", [piece(""), THANKS])
def test_an_empty_partial_waits_for_the_next_one(empty):
    assert empty.plausible(final=False)


def test_words_are_better_than_nothing_and_than_an_unlikely_text():
    words = piece("Ask not.", logprob=-1.5)
    assert words.rank > THANKS.rank
    assert words.rank > piece("", logprob=-0.7, no_speech=0.5).rank


def test_the_second_attempt_counts_where_the_first_one_is_silent():
    audio = np.zeros(SAMPLE_RATE, np.float32)
    request = DecodeRequest(utterance="u", audio=audio, priority=Priority.FINAL, final=True)
    clip = Clip(
        heard=Heard(request, "en"), start=0, length=SAMPLE_RATE, windows=list(attempts(SAMPLE_RATE))
    )
    for text in (THANKS, piece("Ask not.")):
        assert clip.wants_more
        clip.windows.pop(0)
        clip.hear(text)
    assert not clip.wants_more
    assert clip.best is not None
    assert clip.best.text == "Ask not."


def test_a_runaway_loop_is_settled_as_its_first_turn():
    runaway = piece("He said so. " + "and then " * 30, complete=False)
    assert runaway.settled().text == "He said so. and then"
