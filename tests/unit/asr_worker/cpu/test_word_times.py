from typing import Any

import pytest

from asr_worker.api import Word
from asr_worker.cpu.word_times import joined, within, without_pauses


def entry(text: str, start: float, end: float) -> dict[str, Any]:
    return {"word": text, "start": start, "end": end, "probability": 0.5}


def test_parts_without_a_space_belong_to_the_word_before():
    aligned = [entry(" ill", 0.0, 0.2), entry("-disposed", 0.2, 0.6), entry(".", 0.6, 0.9)]
    assert joined(aligned, spaced=True) == [Word("ill-disposed.", 0.0, 0.6, 0.5)]
    quoted = [entry(' "', 0.0, 0.1), entry("so", 0.1, 0.3), entry(" it", 0.3, 0.4)]
    assert [word.text for word in joined(quoted, spaced=True)] == ['"so', "it"]
    chinese = [entry("今", 0.0, 0.2), entry("天", 0.2, 0.4), entry("。", 0.4, 0.5)]
    assert [word.text for word in joined(chinese, spaced=False)] == ["今", "天。"]


def test_a_pause_belongs_to_no_word():
    words = [
        Word("so", 0.0, 0.2, 1.0),
        Word("you,", 0.2, 1.4, 1.0),
        Word("ask", 1.4, 1.6, 1.0),
        Word("not", 1.6, 2.8, 1.0),
        Word("what", 2.8, 3.0, 1.0),
    ]
    placed = [(word.start, word.end) for word in without_pauses(words)]
    assert placed[1] == pytest.approx((0.2, 0.6))
    assert placed[3] == pytest.approx((2.4, 2.8))
    assert without_pauses([]) == []


def test_words_of_a_window_are_in_order_and_inside_it():
    words = [Word("a", -0.1, 0.4, 0.9), Word("b", 0.2, 0.1, 0.8), Word("c", 0.9, 1.4, 0.7)]
    assert list(within(words, 10.0, 1.0)) == [
        Word("a", 10.0, 10.4, 0.9),
        Word("b", 10.2, 10.2, 0.8),
        Word("c", 10.9, 11.0, 0.7),
    ]
