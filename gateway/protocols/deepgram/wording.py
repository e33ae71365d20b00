"""How a client wants texts written: without punctuation, with dictated marks, without profanity.

A text and its words are changed by the same rules, a word at a time, so that they stay alike. What
is stored stays as it was recognised.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from common.pipeline.text import TimedWord

_SIGNS = ".,;:!?…¿¡()\"“”„«»‹›'\u2018\u2019-\u2013\u2014"
"""Punctuation at the ends of a word. Signs of figures and addresses are none: $, %, @ and such."""
_UNSPACED = str.maketrans("", "", "\u3001\u3002\uff0c\uff01\uff1f\uff1a\uff1b\uff0e")
"""Punctuation of Chinese and Japanese, which have it within what is no word to us."""
_MASK = re.compile(r"\[[A-Z_]+(?::\d+)?\]|\[\.\.\.\]")
"""What stands in place of something hidden: see docs/numbers.md."""
_FIGURE = re.compile(r"[-.]\d")
"""A number whose first sign is none of punctuation."""

_DICTATED = {
    ("comma",): ",",
    ("period",): ".",
    ("full", "stop"): ".",
    ("colon",): ":",
    ("semicolon",): ";",
    ("question", "mark"): "?",
    ("exclamation", "mark"): "!",
    ("exclamation", "point"): "!",
    ("new", "line"): "\n",
    ("new", "paragraph"): "\n\n",
}
"""What is written for the words that name it."""
_LONGEST = max(map(len, _DICTATED))
_ARTICLES = frozenset({"a", "an", "the", "this", "that", "each", "every", "per", "any"})
"""Words behind which a mark's name is a word, as in "a period of time"."""
_ENDS = (".", "?", "!", "\n")
"""Marks behind which a sentence begins."""

_PROFANE = re.compile(
    r"(?:(?:mother|bull|horse|dip|dumb|jack|smart|bad)?(?:fuck|shit|arse|ass)"
    r"(?:s|es|ed|er|ers|ing|in|y|ty|hole|holes|face|head|heads|wit|wits)?"
    r"|goddamn(?:ed|it)?|bitch(?:es|ing|y)?|bastards?|cunts?|twats?|wank(?:er|ers|ing)?"
    r"|bollocks|dick(?:head|heads)|cocksuckers?|whores?|sluts?"
    r"|nigg(?:er|ers|a|as)|fag(?:s|got|gots))(?:['\u2019]s)?"
)
"""English words for no ear, with their endings. Those that are names as well are not among them."""
_STARS = "****"


class _Piece(NamedTuple):
    """What is written for the tokens [first, end)."""

    text: str
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Wording:
    """What a client asked for.

    `bare`: no punctuation and no capitals. `dictated`: marks in place of their names. `clean`:
    asterisks in place of profanity. The last two are known in English.
    """

    bare: bool = False
    dictated: bool = False
    clean: bool = False

    def text(self, text: str, language: str | None) -> str:
        """Return a text as it is wanted."""
        if not self._changes(language):
            return text
        return _joined(piece.text for piece in self._pieces(text.split(), language))

    def words(self, words: Sequence[TimedWord], language: str | None) -> Sequence[TimedWord]:
        """Return its words likewise: a dictated mark is a part of the word before it."""
        if not self._changes(language):
            return words
        return [
            words[first]._replace(text=text, end=words[end - 1].end)
            for text, first, end in self._pieces([each.text.strip() for each in words], language)
        ]

    def _changes(self, language: str | None) -> bool:
        return self.bare or (language == "English" and (self.dictated or self.clean))

    def _pieces(self, tokens: Sequence[str], language: str | None) -> list[_Piece]:
        found = [_Piece(token, at, at + 1) for at, token in enumerate(tokens)]
        if self.dictated and language == "English":
            found = _with_marks(tokens)
        if self.clean and language == "English":
            found = [each._replace(text=_decent(each.text)) for each in found]
        if self.bare:
            found = [each._replace(text=_plain(each.text)) for each in found]
        return [each for each in found if each.text]


AS_RECOGNISED = Wording()


def bare(word: str) -> str:
    """Return a word without punctuation and capitals, or as it is if nothing else is left."""
    return _plain(word) or word


def _plain(word: str) -> str:
    if _MASK.search(word):
        return word.strip(_SIGNS)
    word = word.translate(_UNSPACED).rstrip(_SIGNS)
    return (word if _FIGURE.match(word) else word.lstrip(_SIGNS)).lower()


def _decent(word: str) -> str:
    core = word.strip(_SIGNS)
    return word.replace(core, _STARS) if core and _PROFANE.fullmatch(core.lower()) else word


def _with_marks(tokens: Sequence[str]) -> list[_Piece]:
    """Return tokens with marks in place of their names, each behind the word before it."""
    found: list[_Piece] = []
    at = 0
    while at < len(tokens):
        mark, count = _mark(tokens, at)
        if not mark:
            text = tokens[at]
            if found and found[-1].text.endswith(_ENDS) and found[-1].end < at:
                text = text[:1].upper() + text[1:]
            found.append(_Piece(text, at, at + 1))
        elif found:
            # What the recogniser put there is a guess at what is dictated.
            before = found[-1].text
            kept = before if before.endswith("\n") else before.rstrip(".,;:!?")
            found[-1] = found[-1]._replace(text=kept + mark)
        else:
            found.append(_Piece(mark, at, at + count))
        at += max(1, count)
    return found


def _mark(tokens: Sequence[str], at: int) -> tuple[str, int]:
    """Return the mark that is named at `at` and how many tokens name it; none behind an article."""
    if at and _plain(tokens[at - 1]) in _ARTICLES:
        return "", 0
    for count in range(min(_LONGEST, len(tokens) - at), 0, -1):
        name = tuple(map(_plain, tokens[at : at + count]))
        if (mark := _DICTATED.get(name)) is not None:
            return mark, count
    return "", 0


def _joined(texts: Iterable[str]) -> str:
    joined = ""
    for text in texts:
        gap = "" if not joined or joined.endswith("\n") else " "
        joined += gap + text
    return joined
