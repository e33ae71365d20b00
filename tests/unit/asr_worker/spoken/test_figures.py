"""Numbers in words become figures; `english.tsv` has phrases, each with what it is to become.

Its columns: what is said, in figures, and in figures with signs where that differs.
"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.spoken.figures import pieces
from asr_worker.spoken.tokens import chunks
from asr_worker.spoken.wording import spoken
from asr_worker.spoken.writing import Style

GOLDEN = [
    line.split("\t") for line in Path(__file__).with_name("english.tsv").read_text().splitlines()
]


def written(text: str, style: Style) -> str:
    return " ".join(piece.text for piece in pieces(chunks(text), 0, "", style))


@pytest.mark.parametrize("phrase", GOLDEN, ids=lambda phrase: phrase[0])
def test_a_phrase_is_written_in_figures(phrase):
    said, digits, *grouped = phrase
    assert written(said, "digits") == digits
    assert written(said, "grouped") == (grouped[0] if grouped else digits)


@given(st.lists(st.sampled_from([word for said, *_ in GOLDEN for word in said.split()])))
def test_the_pieces_stand_for_every_chunk_once(said):
    found = list(pieces(chunks(" ".join(said)), 7, "", "digits"))
    assert [piece.first for piece in found] == [7, *(piece.end for piece in found[:-1])][
        : len(found)
    ]
    assert (found[-1].end if found else 7) == 7 + len(said)


@given(st.integers(10, 10**12 - 1))
def test_an_amount_comes_back(value):
    words = spoken(f"${value}")
    assert words is not None
    assert written(words, "digits") == f"${value}"


@given(st.from_regex(r"[0-9]{5,20}", fullmatch=True))
def test_digits_come_back(digits):
    words = spoken(digits)
    assert words is not None
    assert written(words, "digits") == digits


@pytest.mark.parametrize(
    ("before", "said", "expected"),
    [
        ("option", "two", "2"),
        ("", "two", "two"),
        ("at", "ten thirty", "10:30"),
        ("june", "first", "1st"),
    ],
)
def test_the_word_before_tells_what_a_number_is(before, said, expected):
    (piece,) = pieces(chunks(said), 3, before, "digits")
    assert piece.text == expected
