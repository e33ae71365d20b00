"""Digits and letters as they are dictated."""

import pytest

from asr_worker.slots.line import Line
from asr_worker.slots.spelled import spelled


def groups(kind, text, sure=()):
    return [each.text or each.mark for each in spelled(Line(text, "English", sure), kind)]


def test_commas_separate_groups_of_single_digits():
    assert groups("digits", "five five five, oh one double nine, four seven two.") == [
        "555",
        "0199",
        "472",
    ]
    assert groups("digits", "555-019-9472 and then twenty five") == ["5550199472", "25"]


def test_corrections_and_restarts_stand_between_groups():
    said = "One two, no, three. Scratch that, four. Let me start again, five."
    assert groups("digits", said) == [
        "12",
        "corrects",
        "3",
        "corrects",
        "4",
        "restarts",
        "5",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("B as in Bertha", ["B"]),
        ("B for Bertha C", ["B", "C"]),
        ("B for nothing", ["B"]),
        ("S-M-I-T-H", ["SMITH"]),
        ("SMITH", ["SMITH"]),
        ("t double o", ["T", "OO"]),
        ("I need a moment", []),
        ("a b", ["A", "B"]),
        ("one two", []),
    ],
)
def test_letters_are_told_from_words(text, found):
    assert groups("letters", text) == found


def test_each_digit_is_as_sure_as_its_words():
    sure = (0.9, 0.5, 0.75, 0.25)
    (first, second) = spelled(Line("one, double two seven", "English", sure), "digits")
    assert (first.text, first.sure) == ("1", (0.9,))
    assert (second.text, second.sure) == ("227", (0.5, 0.5, 0.25))
    (mixed,) = spelled(Line("one two seventy", "English", (0.5, 0.75, 0.25)), "digits")
    assert (mixed.text, mixed.sure) == ("1270", (0.25,) * 4)
