"""The words of a hypothesis whose text was put otherwise."""

import pytest

from asr_worker.api import Hypothesis, Word
from asr_worker.respelling import respelled


def heard(*words: tuple[str, float, float]) -> Hypothesis:
    timed = tuple(Word(text, start, end, 0.5) for text, start, end in words)
    return Hypothesis(" ".join(word.text for word in timed), "English", timed)


def test_the_same_text_changes_nothing():
    hypothesis = heard(("Had", 0.0, 0.2), ("he", 0.2, 0.4))
    assert respelled(hypothesis, "Had he") is hypothesis


def test_equal_words_keep_their_times_and_get_their_new_spelling():
    said = respelled(heard(("so,", 0.1, 0.3), ("My", 0.4, 0.6)), "So my")
    assert said.text == "So my"
    assert said.words == (Word("So", 0.1, 0.3, 0.5), Word("my", 0.4, 0.6, 0.5))


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("Had he married woman", [0.0, 0.2, 0.5, 1.0, 2.0]),
        ("How do you marry the woman", [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 2.0]),
        ("Had he soon wedded woman", [0.0, 0.2, 0.35, 0.5, 1.0, 2.0]),
        ("And had he wedded woman", [0.0, 0.1, 0.2, 0.5, 1.0, 2.0]),
    ],
)
def test_other_words_share_the_time_of_those_that_they_replace(text, edges):
    hypothesis = heard(
        ("Had", 0.0, 0.2), ("he", 0.2, 0.5), ("wedded", 0.5, 1.0), ("woman", 1.0, 2.0)
    )
    words = respelled(hypothesis, text).words
    assert words is not None
    assert [word.text for word in words] == text.split()
    assert [*(word.start for word in words), words[-1].end] == pytest.approx(edges)
    assert [word.end for word in words] == pytest.approx(edges[1:])


def test_words_that_nothing_was_heard_of_are_not_sure():
    assert respelled(heard(), "so").words == (Word("so", 0.0, 0.0, 0.0),)
    assert respelled(Hypothesis("so"), "so so").words is None
