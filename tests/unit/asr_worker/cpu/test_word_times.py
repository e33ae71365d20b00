from typing import Any

import numpy as np
import pytest

from asr_worker.api import Word
from asr_worker.cpu.word_times import joined, voiced, within, without_pauses


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


def test_a_word_begins_and_ends_where_it_is_loud():
    audio = np.full(32_000, 1e-4, np.float32)
    audio[8_000:16_000] = 0.1
    (word,) = voiced([Word("two", 0.2, 1.5, 0.9)], audio)
    assert (word.start, word.end) == (0.5, 1.0)


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_where_all_is_as_loud_a_word_stays(level):
    words = [Word("two", 0.2, 1.5, 0.9), Word("two", 1.5, 1.5, 0.9), Word("two", 1.9, 2.1, 0.9)]
    assert list(voiced(words, np.full(32_000, level, np.float32))) == words
