"""What of an expected answer was said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.slots import slot
from common.expectation import expectation

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def said(wanted: str, text: str, language: str | None = "English") -> tuple[str, bool, bool]:
    expected = expectation(wanted)
    assert expected is not None
    found = slot(text, language, expected)
    assert found.kind == expected.kind
    return found.value, found.valid, found.complete


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("It's five five five, oh one double nine, four seven two.", "5550199472"),
        ("555-019-9472.", "5550199472"),
        ("5 5 5 0 1 9 9 4 7 2", "5550199472"),
        ("Five, five, five... Oh, one, nine, nine. Four seventy two.", "5550199472"),
        ("It is five five five oh one nine nine four seven three, no, two.", "5550199472"),
        ("five five five, sorry, five five five oh one nine nine four seven two", "5550199472"),
        ("Um, five five five oh one nine nine and then four seven two", "5550199472"),
    ],
)
def test_digits_are_gathered_however_they_are_said(text, value):
    assert said("digits 10", text) == (value, True, True)


def test_a_part_of_a_number_is_not_valid_and_nothing_of_it_has_no_value():
    assert said("digits 10", "five five five") == ("555", False, False)
    assert said("digits 10", "I don't have it with me.") == ("", False, False)
    assert said("digits 4-6", "one two three four") == ("1234", True, False)
    assert said("digits 4-6", "one two three four five six") == ("123456", True, True)
    assert said("digits 4", "one two three four five") == ("12345", False, False)
    assert said("digits", "one two") == ("12", True, False)
    assert said("digits 4", "No, one two three four") == ("1234", True, True)
    assert said("digits 4", "Es el 1 2 3 4.", "Spanish") == ("1234", True, True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A B 1 2 C D", "AB12CD"),
        ("alpha bravo one two charlie delta", "AB12CD"),
        ("It's AB12CD.", "AB12CD"),
        ("B as in Bertha, no, A B one two C D", "AB12CD"),
        ("a b 12 c d", "AB12CD"),
    ],
)
def test_codes_are_gathered_too(text, value):
    assert said("alphanumeric 6", text)[0].endswith(value)


def test_a_word_of_one_letter_is_no_code():
    assert said("alphanumeric 6", "I need a moment") == ("", False, False)


@pytest.mark.parametrize(
    ("text", "language", "value"),
    [
        ("Yes, please.", "English", "yes"),
        ("Yeah.", "English", "yes"),
        ("That's right.", "English", "yes"),
        ("No, I don't think so.", "English", "no"),
        ("Yes and no.", "English", ""),
        ("Well.", "English", ""),
        ("Sí, claro.", "Spanish", "yes"),
        ("Nein.", "German", "no"),
        ("Да.", "Russian", "yes"),
        ("yes", None, "yes"),
    ],
)
def test_yes_and_no_are_told_apart(text, language, value):
    assert said("yes_no", text, language) == (value, bool(value), bool(value))


def test_one_of_a_list_is_found_by_its_words():
    wanted = "one_of card|credit card|Bank transfer"
    assert said(wanted, "By credit card, please.") == ("credit card", True, True)
    assert said(wanted, "By card.") == ("card", True, True)
    assert said(wanted, "a bank-transfer") == ("Bank transfer", True, True)
    assert said(wanted, "By cardboard.") == ("", False, False)
    assert said(wanted, "By card or bank transfer?") == ("", False, False)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=16), st.data())
def test_digits_one_by_one_are_the_number_whatever_is_between(
    digits: list[int], data: st.DataObject
):
    between = st.sampled_from([" ", ", ", "... ", ". ", " um "])
    text = "".join(f"{WORDS[each]}{data.draw(between)}" for each in digits)
    value = "".join(map(str, digits))
    assert said(f"digits {len(digits)}", text) == (value, True, True)
