"""The words of a text as they are compared: without case and diacritics, by edit distance.

A word is a run of letters and digits with their marks. In scripts that are written without spaces a
character with its marks is a word, as in the stabiliser of the recogniser.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

_UNSPACED = (
    range(0x0E00, 0x0F00),  # Thai, Lao
    range(0x1000, 0x10A0),  # Myanmar
    range(0x1780, 0x1800),  # Khmer
    range(0x3005, 0x3008),
    range(0x3041, 0x3100),  # kana
    range(0x3400, 0x4DC0),  # Han
    range(0x4E00, 0xA000),
    range(0xF900, 0xFB00),
    range(0x20000, 0x40000),
)
_FIRST_MARK = "\u0300"
"""No character before it is a mark or of a script that is written without spaces."""
_RUN = re.compile(r"[^\W_]+")
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"


class Spelled(NamedTuple):
    """A word of a text: the form that is compared, and where it stands, in characters."""

    folded: str
    start: int
    end: int


def spelled(text: str) -> Sequence[Spelled]:
    """Return the words of a text in order; punctuation is left out."""
    if not text or max(text) < _FIRST_MARK:
        return [Spelled(fold(m[0]), m.start(), m.end()) for m in _RUN.finditer(text)]
    words: list[Spelled] = []
    start = 0
    running = False
    for index, character in enumerate(text):
        kind = _kind(character)
        if kind == "M" and (running or _ends_at(words, index)):
            if not running:  # a mark of a character that is a word by itself
                last = words.pop()
                words.append(Spelled(fold(text[last.start : index + 1]), last.start, index + 1))
            continue
        if running and kind != "L":
            words.append(Spelled(fold(text[start:index]), start, index))
            running = False
        if kind == "L" and not running:
            start, running = index, True
        elif kind == "W":
            words.append(Spelled(fold(character), index, index + 1))
    if running:
        words.append(Spelled(fold(text[start:]), start, len(text)))
    return words


def _ends_at(words: Sequence[Spelled], index: int) -> bool:
    return bool(words) and words[-1].end == index


@lru_cache(maxsize=4096)
def _kind(character: str) -> str:
    """Return L for a character of a run, W for a word of its own, M for a mark, or nothing."""
    category = unicodedata.category(character)[0]
    if category == "M" or character in _JOINERS:
        return "M"
    if category not in "LN":
        return ""
    return "W" if any(ord(character) in each for each in _UNSPACED) else "L"


@lru_cache(maxsize=4096)
def fold(word: str) -> str:
    """Return a word without case and diacritics: ``Café`` and ``CAFE`` are ``cafe``.

    Unicode's compatibility decomposition (NFKD) and case folding (The Unicode Standard, 3.13), then
    without marks that are no letters: vowel signs and the voicing marks of kana stay.
    """
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFKD", word).casefold()
    decomposed = unicodedata.normalize("NFKD", decomposed)
    return "".join(each for each in decomposed if not _is_diacritic(each)) or decomposed


def _is_diacritic(character: str) -> bool:
    """Whether it is a mark above or below a letter, a Hebrew or Arabic point, or a joiner."""
    combining = unicodedata.combining(character)
    return combining >= 200 or 10 <= combining <= 36 or character in _JOINERS


def resemble(one: str, other: str, most: int) -> bool:
    """Whether at most `most` edits lead from one word to the other.

    An edit inserts, deletes or replaces a character, or swaps two neighbours: the optimal string
    alignment distance (Damerau 1964; Boytsov 2011).
    """
    if abs(len(one) - len(other)) > most:
        return False
    # A character that the other lacks takes an edit of its own.
    if len(set(one).difference(other)) > most or len(set(other).difference(one)) > most:
        return False
    before, row = [0] * (len(other) + 1), list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        above, row = row, [i] + [0] * len(other)
        for j, b in enumerate(other, start=1):
            row[j] = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                row[j] = min(row[j], before[j - 2] + 1)
        if min(row) > most and min(above) > most:
            return False
        before = above
    return row[-1] <= most
