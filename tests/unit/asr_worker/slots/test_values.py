"""E-mail addresses, dates and amounts as they are said."""

import pytest

from asr_worker.slots.line import Line
from asr_worker.slots.values import address, amount, day


def said(read, text, language="English"):
    return [each.text or each.mark for each in read(Line(text, language))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It's john dot smith at gmail dot com", ["john", ".", "smith", "@", "gmail", ".", "com"]),
        ("John.Smith@gmail.com.", ["john.smith@gmail.com"]),
        ("Well, let me see. It's john at", ["john", "@"]),
        ("j o h n underscore forty two", ["john", "_", "42"]),
        ("jon, sorry, john", ["jon", "corrects", "john"]),
        ("I can send you one whenever I am back home, sorry", ["corrects"]),
        ("this is not what you asked for", []),
    ],
)
def test_labels_and_signs_of_an_address(text, found):
    assert said(address, text) == found


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("the fourteenth of March nineteen eighty five", "English", ["14", "march", "19", "85"]),
        ("March 14th, no, 15th", "English", ["march", "14th", "corrects", "15th"]),
        ("03/04/1985", "English", ["03/04/1985"]),
        ("am 3. März 1985", "German", ["3", "march", "1985"]),
        ("el catorce de marzo", "Spanish", ["14", "march"]),
    ],
)
def test_months_and_numbers_of_a_date(text, language, found):
    assert said(day, text, language) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("twelve hundred and fifty dollars and thirty cents", ["1250", "USD", "30", "cents"]),
        ("twelve point five euros", ["12.5", "EUR"]),
        ("$1,250.30", ["$1,250.30"]),
        ("ten, sorry, twelve pounds", ["10", "corrects", "12", "GBP"]),
    ],
)
def test_numbers_and_units_of_an_amount(text, found):
    assert said(amount, text) == found


def test_a_part_is_as_sure_as_its_least_sure_word():
    (number, unit) = amount(Line("twenty five dollars", "English", (0.5, 0.9, 0.75)))
    assert (number.sure, unit.sure) == ((0.5, 0.5), (0.75,) * 3)
