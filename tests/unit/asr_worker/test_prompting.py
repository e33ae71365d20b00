"""Contexts and keywords that turn in circles say once what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.prompting import distinct, without_circles


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("0 " * 100, "0"),
        ("Acme, " * 40, "Acme,"),
        ("é" * 100, "é"),
        ("ありがとう" * 30, "ありがとう"),
        ("Thank you for calling Acme today. " * 12, "Thank you for calling Acme today."),
        ("first " + "one two " * 9 + "last", "first one two last"),
        ("ha" * 50, "ha"),
    ],
)
def test_what_turns_in_circles_is_said_once(said, kept):
    assert without_circles(said) == kept


@pytest.mark.parametrize(
    "said",
    [
        "",
        "A call to Acme about invoice 1000000 at www.example.com, extension 555-0000.",
        "No, no: never. Bye bye.",
        "Doctor Aaron Aaronson, Mississippi",
        "one two three one two three four",
        "extension 4 1 1",
    ],
)
def test_what_people_write_stays(said):
    assert without_circles(said) == said


def test_keywords_are_said_once_each():
    assert distinct(("Acme", "Zürich", "ACME ", "Acme", "0 0 0 0")) == ("Acme", "Zürich", "0")


@given(st.lists(st.sampled_from(["a", "b", "c,"]), max_size=60))
def test_every_word_is_still_there_and_nothing_is_added(words):
    kept = without_circles(" ".join(words)).split()
    assert set(kept) == set(words)
    rest = iter(words)
    assert all(word in rest for word in kept), "in their order"
