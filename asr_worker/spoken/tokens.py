"""Cutting a text into chunks, and chunks into the atoms that numbers are made of.

A chunk is what stands between whitespace. `twenty-five` is one chunk of two atoms.
"""

import re
from collections.abc import Sequence
from enum import Enum, auto
from functools import lru_cache
from typing import NamedTuple

from asr_worker.spoken import english, foreign

_LEAD = "\"'([{«“‘¿¡"
_CLOSING = ".,;:!?)]}\"'»”’…"
_SENTENCE_END = frozenset(".!?…")

_CHUNK = re.compile(r"\S+")
_PLAIN = re.compile(r"\d+")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_SEPARATED = re.compile(r"\+?\(?\d+\)?(?:[-.–/:()]*\d+)+")


class Kind(Enum):
    """What an atom is."""

    WORD = auto()
    DIGIT = auto()
    OH = auto()
    TEEN = auto()
    TENS = auto()
    HUNDRED = auto()
    SCALE = auto()
    ORDINAL = auto()
    """A spoken ordinal below a hundred, or the hundredth."""
    REPEAT = auto()
    AND = auto()
    FIGURE = auto()
    """A number that the engine wrote in figures without a sign."""
    SIGNED = auto()
    """Figures with signs between or around them: an amount, a time, a telephone number."""
    LETTER = auto()
    CODE = auto()
    """Letters and figures in one."""


NUMERIC = frozenset(
    {
        Kind.DIGIT,
        Kind.OH,
        Kind.TEEN,
        Kind.TENS,
        Kind.HUNDRED,
        Kind.SCALE,
        Kind.ORDINAL,
        Kind.REPEAT,
        Kind.FIGURE,
        Kind.SIGNED,
    }
)


class Chunk(NamedTuple):
    """A piece of text between whitespace, with the punctuation around its `core`.

    `core` is in lower case, a number as English says it; `word` is what was said. `kind` is that of
    the first atom. `silent`: it is nothing but
    punctuation. `ends_sentence`: a sentence ends with it. `end` is the offset in the text just
    behind the chunk.
    """

    text: str
    lead: str
    core: str
    closing: str
    kind: Kind
    silent: bool
    ends_sentence: bool
    word: str
    end: int


class Atom(NamedTuple):
    """The smallest part of a number. `value` is a number's, `digits` what a figure has.

    `chunk` is the index of its chunk.
    """

    kind: Kind
    text: str
    chunk: int
    value: int = 0
    digits: str = ""


def chunks(text: str, language: str = "English") -> list[Chunk]:
    """Cut a text at whitespace."""
    found: list[Chunk] = []
    for match in _CHUNK.finditer(text):
        goes_on = found and not found[-1].closing
        before = _kinds(found[-1].core)[-1][0] if goes_on else Kind.WORD
        found.append(Chunk(*_parts(match.group(), language, before), match.end()))
    return found


def atoms(pieces: Sequence[Chunk], first: int = 0) -> list[Atom]:
    """Return the atoms of chunks; `first` is the index of the first chunk."""
    return [
        Atom(kind, word, index, value, digits)
        for index, piece in enumerate(pieces, first)
        for kind, word, value, digits in _kinds(piece.core)
    ]


@lru_cache(maxsize=4096)
def _parts(
    text: str, language: str, before: Kind
) -> tuple[str, str, str, str, Kind, bool, bool, str]:
    """Return the fields of a chunk, without its place; `before`: the kind of the one before."""
    core = text.lstrip(_LEAD)
    lead = text[: len(text) - len(core)]
    bare = core.rstrip(_CLOSING)
    if not bare:
        return text, "", text, "", Kind.WORD, True, False, ""
    closing, core = core[len(bare) :], bare.lower().replace("’", "'")
    if core in english.MERIDIEMS and "." in core:  # the full stop belongs to it
        closing = closing[1:]
    word = core
    spelled = len(bare) == 1 and bare.isupper()
    if language in foreign.LANGUAGES and not spelled:
        core = foreign.as_english(core, language, before is Kind.DIGIT, before in NUMERIC)
    ends = not _SENTENCE_END.isdisjoint(closing)
    silent = not any(map(str.isalnum, core))
    return text, lead, core, closing, _kinds(core)[0][0], silent, ends, word


_Part = tuple[Kind, str, int, str]


@lru_cache(maxsize=4096)
def _kinds(core: str) -> tuple[_Part, ...]:
    """Return kind, text, value and digits of the atoms of a chunk."""
    parts = core.split("-")
    if len(parts) > 1 and all(parts):
        found = tuple(map(_word, parts))
        if all(kind in NUMERIC or kind is Kind.AND for kind, _, _, _ in found) and not any(
            kind is Kind.FIGURE for kind, _, _, _ in found
        ):
            return found
    return (_word(core),)


def _word(core: str) -> _Part:
    if (value := english.DIGITS.get(core)) is not None:
        return Kind.DIGIT, core, value, str(value)
    if core in english.OH:
        return Kind.OH, core, 0, "0"
    if (value := english.TEENS.get(core)) is not None:
        return Kind.TEEN, core, value, str(value)
    if (value := english.TENS.get(core)) is not None:
        return Kind.TENS, core, value, str(value)
    if core == english.HUNDRED:
        return Kind.HUNDRED, core, 100, ""
    if (value := english.SCALES.get(core)) is not None:
        return Kind.SCALE, core, value, ""
    if (value := english.ORDINALS.get(core)) is not None:
        return Kind.ORDINAL, core, value, ""
    if core == english.HUNDREDTH:
        return Kind.ORDINAL, core, 100, ""
    if (value := english.REPEATS.get(core)) is not None:
        return Kind.REPEAT, core, value, ""
    if core in (english.AND, foreign.LINK):
        return Kind.AND, core, 0, ""
    return _written(core)


def _written(core: str) -> _Part:
    """Return the atom of a chunk that is no number word."""
    if _PLAIN.fullmatch(core) and core.isascii():
        return Kind.FIGURE, core, int(core[:30]), core
    if _THOUSANDS.fullmatch(core):
        digits = core.replace(",", "")
        return Kind.FIGURE, core, int(digits[:30]), digits
    digits = "".join(each for each in core if each.isdigit())
    if digits and (_SEPARATED.fullmatch(core) or not any(map(str.isalpha, core))):
        return Kind.SIGNED, core, 0, digits
    if _ORDINAL.fullmatch(core):
        return Kind.SIGNED, core, 0, digits
    if len(core) == 1 and core.isalpha():
        return Kind.LETTER, core.upper(), 0, ""
    if digits:
        return Kind.CODE, core, 0, digits
    return Kind.WORD, core, 0, ""
