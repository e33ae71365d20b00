"""A text with how sure its words are and where its speaker corrects them."""

import pytest

from asr_worker.slots.line import Line
from common.pipeline.slot import Heard


@pytest.mark.parametrize(
    ("text", "language", "mark", "end"),
    [
        ("no, seven", "English", "corrects", 1),
        ("I mean seven", "English", "corrects", 2),
        ("Start over.", "English", "restarts", 2),
        ("perdón, siete", "Spanish", "corrects", 1),
        ("nein, sieben", "German", "corrects", 1),
        ("no, seven", None, "corrects", 1),
        ("no, seven", "Czech", "corrects", 1),
    ],
)
def test_a_correction_is_known_by_its_words(text, language, mark, end):
    assert Line(text, language).mark(0) == (Heard("", mark=mark), end)


def test_other_words_are_no_correction():
    line = Line("I meant seven no", "English")
    assert [line.mark(at) is None for at in range(4)] == [True, True, True, False]


def test_a_group_is_as_sure_as_its_least_sure_word():
    assert Line("a b", None, (0.5, 0.25)).group("xy", 0, 2) == Heard("xy", (0.25, 0.25))
    assert Line("a b", None, (0.5,)).group("xy", 0, 2) == Heard("xy")
