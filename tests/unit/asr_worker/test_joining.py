"""The text of a whole from those of its parts, with its words where they were said."""

import pytest

from asr_worker.api import Hypothesis, Usage, Word
from asr_worker.joining import joined


def test_a_part_that_is_the_whole_stays_as_it_is():
    whole = Hypothesis("so", "English", memory=object())
    assert joined([(0.0, whole)]) is whole


def test_words_are_moved_to_where_their_part_begins():
    first = Hypothesis("Ask not", "English", words=(Word("Ask", 0.5, 0.7, 0.9),))
    second = Hypothesis("what.", "English", words=(Word("what.", 0.25, 0.5, 0.8),))
    assert joined([(0.0, first), (8.0, second)]) == Hypothesis(
        "Ask not what.",
        "English",
        words=(Word("Ask", 0.5, 0.7, 0.9), Word("what.", 8.25, 8.5, 0.8)),
    )


def test_the_language_is_as_sure_as_it_is_of_the_first_part_that_has_one():
    silence = Hypothesis("", None)
    sure = Hypothesis("oui", "French", language_confidence=0.75)
    told = Hypothesis("non", "French")
    whole = joined([(0.0, silence), (7.0, sure), (14.0, told)])
    assert (whole.language, whole.language_confidence) == ("French", 0.75)


def test_parts_without_text_leave_no_space_and_no_language():
    silence, speech = Hypothesis("", None, words=()), Hypothesis("oui", "French", words=())
    assert joined([(0.0, silence), (7.0, speech)]) == Hypothesis("oui", "French", words=())
    assert joined([(0.0, speech), (7.0, silence)]).text == "oui"
    assert joined([]) == Hypothesis("", words=())


@pytest.mark.parametrize(
    ("language", "text"), [("Chinese", "你好"), ("lo", "你好"), (None, "你 好")]
)
def test_some_languages_have_no_spaces(language, text):
    parts = [(0.0, Hypothesis("你", language)), (6.0, Hypothesis("好", language))]
    assert joined(parts).text == text


def test_what_one_part_lacks_the_whole_lacks():
    timed, runaway = Hypothesis("so", words=()), Hypothesis("so so", complete=False)
    whole = joined([(0.0, timed), (6.0, runaway)])
    assert (whole.words, whole.complete) == (None, False)


def test_tokens_are_added():
    parts = [
        (0.0, Hypothesis("a", usage=Usage(1, 2, 3))),
        (6.0, Hypothesis("b", usage=Usage(4, 5, 6))),
    ]
    assert joined(parts).usage == Usage(5, 7, 9)


def test_the_mark_at_the_end_is_that_of_the_last_part():
    first, last = Hypothesis("So.", mark=0.9), Hypothesis("Be it.", mark=0.5)
    assert joined([(0.0, first), (6.0, last)]).mark == 0.5
    assert joined([(0.0, first), (6.0, Hypothesis("be it"))]).mark is None
