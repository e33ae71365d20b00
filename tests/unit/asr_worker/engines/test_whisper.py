"""What Whisper's results are believed to mean, without a model."""

from typing import Any

import pytest

from asr_worker.engines.whisper import _Piece


def piece(text: str, **more: Any) -> _Piece:
    facts: dict[str, Any] = {"tokens": [1], "logprob": -0.2, "no_speech": 0.1, "complete": True}
    return _Piece(text=text, tokenizer=None, encoded=None, frames=100, **(facts | more))


def test_a_likely_text_is_believed():
    assert piece("ask not what").plausible
    assert piece("no, no, no").plausible


@pytest.mark.parametrize(
    "doubtful",
    [
        piece("ask not", complete=False),
        piece("ask not", logprob=-1.2),
        piece("bell come quickly. " * 5),
        piece("One, two, three. One, two, three. " * 4),
        piece("."),
    ],
)
def test_another_attempt_is_made_at(doubtful):
    assert not doubtful.plausible


@pytest.mark.parametrize(
    "silence",
    [
        piece("Thank you.", no_speech=0.7, logprob=-0.93),
        piece(". . . .", no_speech=0.9, complete=False, logprob=-0.1),
        piece("."),
    ],
)
def test_silence_is_settled_as_nothing(silence):
    assert silence.settled().text == ""
    assert silence.settled().complete


def test_what_is_heard_clearly_stays_though_there_may_be_silence():
    assert piece("Yes.", no_speech=0.7, logprob=-0.3).settled().text == "Yes."


def test_a_runaway_loop_is_settled_as_its_first_turn():
    runaway = piece("He said so. " + "and then " * 30, complete=False)
    assert runaway.settled().text == "He said so. and then"
    assert not runaway.settled().complete


def test_a_loop_that_ended_by_itself_was_said():
    assert piece("no " * 8).settled().text == "no " * 8
