"""What a client tells the recogniser beforehand, so that it cannot take over the text. Pure.

A model goes on with what it reads before the audio. Where that turns in circles, so does the text.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

_TIMES = 3
"""What stands there as often, in a row, is a circle."""
_CHARACTER = re.compile(r"(\S)\1{7,}")
"""Eight times: numbers and addresses have fewer."""
_SYLLABLES = re.compile(r"([^\d\s]{2,12}?)\1{2,}")
"""In languages without spaces, too."""
_MOST_WORDS = 24
"""Words of a phrase that may repeat."""


@lru_cache(maxsize=256)
def without_circles(text: str) -> str:
    """Return a text in which what repeats itself in a row is there once."""
    words = _SYLLABLES.sub(r"\1", _CHARACTER.sub(r"\1", text)).split()
    for length in range(1, min(_MOST_WORDS, len(words) // _TIMES) + 1):
        words = _without_phrases(words, length)
    return " ".join(words)


def distinct(keywords: Sequence[str]) -> tuple[str, ...]:
    """Return keywords without circles, each once, whatever its case."""
    found: dict[str, str] = {}
    for each in keywords:
        found.setdefault(each.casefold().strip(), without_circles(each))
    return tuple(found.values())


def _without_phrases(words: list[str], length: int) -> list[str]:
    """Return words in which no phrase of that length repeats itself, in linear time."""
    kept: list[str] = []
    at = run = 0
    while at < len(words):
        # `run` words from here on are those that stand `length` words further.
        while at + run + length < len(words) and words[at + run] == words[at + run + length]:
            run += 1
        if run >= (_TIMES - 1) * length:
            at += run // length * length
            run = 0
        kept.append(words[at])
        at, run = at + 1, max(0, run - 1)
    return kept
