"""What tokens spell."""

import pytest

from asr_worker.moonshine.tokens import Tokens

LONG = "x" * 200
PIECES = [
    "<unk>",
    "<s>",
    "</s>",
    "▁And",
    "▁ill",
    "-",
    "dis",
    "posed",
    ".",
    "▁",
    "<0xC3>",
    "<0xA9>",
    LONG,
]


def encoded(*pieces: str) -> bytes:
    """Lengths from 128 on take two bytes: the lower seven bits with a mark, then the rest."""
    data = b""
    for piece in pieces:
        raw = piece.encode()
        low, high = len(raw) & 0x7F, len(raw) >> 7
        data += (bytes([low | 0x80, high]) if high else bytes([low])) + raw
    return data


TOKENS = Tokens(encoded(*PIECES))


def test_tokens_spell_words_with_spaces_where_words_begin():
    assert TOKENS.text([3, 4, 5, 6, 7, 8]) == "And ill-disposed."
    assert TOKENS.text([]) == ""


def test_bytes_are_joined_to_letters_and_half_a_letter_is_marked():
    assert TOKENS.text([3, 10, 11]) == "Andé"
    assert TOKENS.text([3, 10]) == "And\ufffd"


def test_long_tokens_are_read_whole():
    assert TOKENS.text([12]) == LONG
    assert len(TOKENS) == len(PIECES)


def test_words_are_told_with_their_tokens():
    assert TOKENS.words([3, 4, 5, 6, 7, 8]) == [("And", 1), ("ill-disposed.", 5)]


def test_a_lonely_space_begins_a_word():
    assert TOKENS.words([3, 9, 6, 8]) == [("And", 1), ("dis.", 3)]


def test_marks_are_the_tokens_that_are_no_text():
    assert [PIECES[each] for each in TOKENS.marks] == ["<unk>", "<s>", "</s>"]


@pytest.mark.parametrize("data", [b"\x05ab", b"\x80", b"\x01a\x90"])
def test_a_list_that_is_cut_off_is_refused(data):
    with pytest.raises(ValueError, match="cut off"):
        Tokens(data)
