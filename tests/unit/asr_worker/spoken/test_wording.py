"""Figures become words."""

import pytest

from asr_worker.spoken.tokens import chunks
from asr_worker.spoken.wording import pieces, spoken


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ("0", "zero"),
        ("7", "seven"),
        ("25", "twenty-five"),
        ("100", "one hundred"),
        ("342", "three hundred forty-two"),
        ("007", "zero zero seven"),
        ("1200", "one thousand two hundred"),
        ("1999", "nineteen ninety-nine"),
        ("1905", "nineteen oh five"),
        ("2005", "two thousand five"),
        ("2026", "twenty twenty-six"),
        ("4532", "four five three two"),
        ("90210", "nine zero two one zero"),
        ("10,001", "ten thousand one"),
        ("1,234,567", "one million two hundred thirty-four thousand five hundred sixty-seven"),
        ("3.5", "three point five"),
        ("0.25", "zero point two five"),
        ("35%", "thirty-five percent"),
        ("3.5%", "three point five percent"),
        ("$1", "one dollar"),
        ("$25", "twenty-five dollars"),
        ("$25.50", "twenty-five dollars and fifty cents"),
        ("$1,000", "one thousand dollars"),
        ("£2.01", "two pounds and one penny"),
        ("€3.20", "three euros and twenty cents"),
        ("3:30", "three thirty"),
        ("3:05", "three oh five"),
        ("3:00", "three o'clock"),
        ("1st", "first"),
        ("21st", "twenty-first"),
        ("30th", "thirtieth"),
        ("119th", "one hundred nineteenth"),
        ("555-1234", "five five five one two three four"),
        ("+1-212", "plus one two one two"),
        ("1000000000000", "one zero zero zero zero zero zero zero zero zero zero zero zero"),
    ],
)
def test_a_figure_is_read_aloud(figure, words):
    assert spoken(figure) == words


@pytest.mark.parametrize("text", ["hello", "AB12", "covid-19", "٣", "1.2.3", "b2b", "$", "%"])
def test_what_is_no_number_stays(text):
    assert spoken(text) is None


def test_punctuation_stays_around_it():
    text = '"I paid $5, at 3:00 PM (on the 2nd)."'
    read = " ".join(piece.text for piece in pieces(chunks(text), 0))
    assert read == '"I paid five dollars, at three PM (on the second)."'
