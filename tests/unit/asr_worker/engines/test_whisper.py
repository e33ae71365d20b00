"""What Whisper's results are believed to mean, without a model."""

from typing import Any

import pytest

from asr_worker.api import Word
from asr_worker.engines.whisper import _joined, _Piece, _without_pauses


def piece(text: str, **more: Any) -> _Piece:
    facts: dict[str, Any] = {"tokens": [1], "logprob": -0.2, "no_speech": 0.1, "complete": True}
    return _Piece(text=text, tokenizer=None, encoded=None, frames=100, **(facts | more))


def entry(text: str, start: float, end: float) -> dict[str, Any]:
    return {"word": text, "start": start, "end": end, "probability": 0.5}


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


def test_parts_without_a_space_belong_to_the_word_before():
    aligned = [entry(" ill", 0.0, 0.2), entry("-disposed", 0.2, 0.6), entry(".", 0.6, 0.9)]
    assert _joined(aligned, spaced=True) == [Word("ill-disposed.", 0.0, 0.6, 0.5)]
    quoted = [entry(' "', 0.0, 0.1), entry("so", 0.1, 0.3), entry(" it", 0.3, 0.4)]
    assert [word.text for word in _joined(quoted, spaced=True)] == ['"so', "it"]
    chinese = [entry("今", 0.0, 0.2), entry("天", 0.2, 0.4), entry("。", 0.4, 0.5)]
    assert [word.text for word in _joined(chinese, spaced=False)] == ["今", "天。"]


def test_a_pause_belongs_to_no_word():
    words = [
        Word("so", 0.0, 0.2, 1.0),
        Word("you,", 0.2, 1.4, 1.0),
        Word("ask", 1.4, 1.6, 1.0),
        Word("not", 1.6, 2.8, 1.0),
        Word("what", 2.8, 3.0, 1.0),
    ]
    placed = [(word.start, word.end) for word in _without_pauses(words)]
    assert placed[1] == pytest.approx((0.2, 0.6))
    assert placed[3] == pytest.approx((2.4, 2.8))
    assert _without_pauses([]) == []
