"""The answer in what was said of it, from text to value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.slots.line import Line
from asr_worker.slots.listening import heard
from common.expectation import expectation
from common.pipeline.slot import Heard
from gateway.answers.answering import MOST_ALTERNATIVES, Found, answer

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def found(wanted: str, *texts: str, language: str | None = "English") -> Found:
    expected = expectation(wanted)
    assert expected is not None
    return answer([heard(Line(text, language), expected) for text in texts], expected)


def said(wanted: str, *texts: str, language: str | None = "English") -> tuple[str, bool, bool]:
    answered = found(wanted, *texts, language=language)
    return answered.value, answered.valid, answered.complete


@pytest.mark.parametrize(
    "texts",
    [
        ("It's five five five, oh one double nine, four seven two.",),
        ("555-019-9472.",),
        ("5 5 5 0 1 9 9 4 7 2",),
        ("Five, five, five... Oh, one, nine, nine. Four seventy two.",),
        ("It is five five five oh one nine nine four seven three, no, two.",),
        ("five five five, sorry, five five five oh one nine nine four seven two",),
        ("Um, five five five oh one nine nine and then four seven two",),
        ("Five five five.", "Zero one nine nine.", "Four seven two."),
        ("Five five five.", "Zero one nine nine.", "Four seven three.", "No, two."),
        ("Five five five.", "Zero one eight eight.", "I mean, nine nine.", "Four seven two."),
        ("Five five five, oh.", "Five five five, oh one nine nine, four seven two."),
        ("5 5 5 0 1 8, sorry, 0 1 9 9 4 7 2",),
        ("5 5 5 0 1 9 9 0 1 9 9 4 7 2",),
        ("Nine nine.", "Let me start over. Five five five, oh one nine nine, four seven two."),
        ("Five five five.", "Five five five, oh one nine nine.", "Four seven two."),
    ],
)
def test_digits_are_gathered_however_they_are_said(texts):
    assert said("digits 10", *texts) == ("5550199472", True, True)


def test_a_part_of_a_number_is_not_valid_and_nothing_of_it_has_no_value():
    assert said("digits 10", "five five five") == ("555", False, False)
    assert found("digits 10", "five five five").begun
    assert said("digits 10", "I don't have it with me.") == ("", False, False)
    assert not found("digits 10", "I don't have it with me.").begun
    assert said("digits 4-6", "one two three four") == ("1234", True, False)
    assert said("digits 4-6", "one two three four five six") == ("123456", True, True)
    assert said("digits 4-6", "one two three four", "five six") == ("123456", True, True)
    assert said("digits 4", "one two three four five") == ("12345", False, False)
    assert said("digits", "one two") == ("12", True, False)
    assert said("digits 4", "No, one two three four") == ("1234", True, True)
    assert said("digits 4", "Es el 1 2 3 4.", language="Spanish") == ("1234", True, True)
    assert said("digits 2", "eins zwei, nein, drei vier", language="German") == ("34", True, True)


def test_a_number_that_was_said_wrong_is_said_once_more():
    card = "four one one one", "one one one one", "one one one one", "one one one one"
    assert said("digits 16 luhn", *card) == ("4111111111111111", True, True)
    wrong = *card[:3], "one one one two"
    assert said("digits 16 luhn", *wrong) == ("4111111111111112", False, False)
    again = *wrong, "4111 1111 1111 1111"
    assert said("digits 16 luhn", *again) == ("4111111111111111", True, True)


def test_what_else_would_be_valid_is_told_and_bounded():
    answered = found("digits 4-6", "four five six, no, seven eight")
    assert (answered.value, answered.alternatives) == ("4578", ("45678",))
    many = "one two three four, no, five six, no, seven eight, no, nine one"
    assert len(found("digits", many).alternatives) == MOST_ALTERNATIVES


@pytest.mark.parametrize(
    ("wanted", "texts", "value"),
    [
        ("alphanumeric 6", ("A B 1 2 C D",), "AB12CD"),
        ("alphanumeric 6", ("alpha bravo one two charlie delta",), "AB12CD"),
        ("alphanumeric 6", ("It's AB12CD.",), "AB12CD"),
        ("alphanumeric 6", ("B as in Bertha, no, A B one two C D",), "AB12CD"),
        ("alphanumeric 6", ("a b 12", "c d"), "AB12CD"),
        ("alphanumeric 15-34 mod97", ("GB82 WEST 1234 5698 7654 32",), "GB82WEST12345698765432"),
        ("letters", ("Smith. S-M-I-T-H.",), "SMITH"),
        ("letters", ("t o double n y",), "TONNY"),
        ("letters 5", ("S M I", "T H"), "SMITH"),
    ],
)
def test_codes_and_names_are_gathered_too(wanted, texts, value):
    answered = found(wanted, *texts)
    assert (answered.value, answered.valid) == (value, True)


def test_a_word_of_one_letter_is_no_code():
    assert said("alphanumeric 6", "I need a moment") == ("", False, False)


def test_of_a_choice_the_last_one_counts_and_of_two_none():
    wanted = "one_of card|credit card|Bank transfer"
    assert said(wanted, "By credit card, please.") == ("credit card", True, True)
    assert said(wanted, "By card, no, by bank transfer.") == ("Bank transfer", True, True)
    assert said(wanted, "By card or bank transfer?") == ("", False, False)
    assert found(wanted, "By card or bank transfer?").alternatives == ("card", "Bank transfer")
    assert said(wanted, "By card.", "Hm.", "Or rather, bank transfer.")[0] == "Bank transfer"
    assert said(wanted, "Well.") == ("", False, False)
    assert said("yes_no", "Yes. I mean, no.") == ("no", True, True)


@pytest.mark.parametrize(
    ("texts", "value", "complete"),
    [
        (("Sure. It's john dot smith at gmail dot com",), "john.smith@gmail.com", True),
        (("John.Smith@gmail.com.",), "john.smith@gmail.com", True),
        (("j o h n underscore 42 at example dot co dot uk",), "john_42@example.co.uk", True),
        (("john at example dot co",), "john@example.co", False),
        (("My email is john smith at", "gmail dot com"), "johnsmith@gmail.com", True),
        (("jon, sorry, john at gmail dot com",), "john@gmail.com", True),
    ],
)
def test_an_address_is_put_together(texts, value, complete):
    assert said("email", *texts) == (value, True, complete)


def test_what_is_no_address_has_no_value():
    assert said("email", "I do not have one with me at the moment") == ("", False, False)
    assert said("email", "john") == ("", False, False)
    assert found("email", "john at").begun


def test_a_date_is_whole_with_its_year():
    assert said("date", "The fourteenth of March") == ("14 march", False, False)
    assert found("date", "The fourteenth of March").begun
    assert said("date", "The fourteenth of March", "nineteen eighty five.") == (
        "1985-03-14",
        True,
        True,
    )
    assert said("date", "The 14th of March, no, the 15th, 1985")[0] == "1985-03-15"
    assert said("date", "I do not know.") == ("", False, False)


def test_an_amount_is_whole_with_its_unit():
    assert said("amount", "Twelve hundred", "and fifty dollars.") == ("1250 USD", True, True)
    assert said("amount", "About fifty") == ("50", True, False)
    assert not found("amount", "About fifty").begun
    assert said("amount", "Nothing") == ("", False, False)


def test_each_character_is_as_sure_as_its_word():
    expected = expectation("digits 3")
    assert expected is not None
    heard_ = heard(Line("one double two", "English", (0.5, 0.75, 0.25)), expected)
    assert answer([heard_], expected).sure == (0.5, 0.25, 0.25)
    unsure = (*heard_, Heard("", mark="corrects"), Heard("3"))
    assert answer([unsure], expected).sure == ()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=16), st.data())
def test_digits_are_the_number_however_they_are_cut(digits: list[int], data: st.DataObject):
    between = st.sampled_from([" ", ", ", "... ", ". ", " um ", "\n"])
    text = "".join(f"{WORDS[each]}{data.draw(between)}" for each in digits)
    value = "".join(map(str, digits))
    assert said(f"digits {len(digits)}", *text.split("\n")) == (value, True, True)
