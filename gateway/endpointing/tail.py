"""How long a pause may be, by the end of the text before it. Pure.

Recognisers close a sentence with a mark, and often do so where its speaker only thinks. So a mark
counts only behind a word that can end a sentence: "the." does not, nor does a number or a name that
is being spelled. What the rules cost and save is in docs/quality.md.
"""

import re
from enum import Enum
from math import log
from typing import NamedTuple

from common.audio import samples
from common.options import SessionOptions
from common.pipeline.control import Hint
from gateway.endpointing.words import DIGITS, OPEN

_CLOSING = "\"'”’»)] "
_SENTENCE = (".", "?", "!", "。", "？", "！", "؟", "।")
_QUESTION = ("?", "？", "؟")
_TRAILING = ("...", "…", ",", ";", ":", "-", "–", "—", "、", "，")
_TOKEN = re.compile(r"[^\s,;:\-–—…]+")
_MARKS = ".?!。？！؟।\"'”’»)]("
_RUN = 2
"""Digits or letters, one by one, that are being dictated; a single one may be an answer."""
_GROUP = 3
"""The same in one token: recognisers write digits together."""


class Evidence(Enum):
    """What the end of a text says of its speaker."""

    CLOSED = "closed"
    """It ends a sentence."""
    OPEN = "open"
    """It asks for more."""
    SPELLED = "spelled"
    """It is a number, a name or an address that is being dictated."""
    UNMARKED = "unmarked"
    """It has words and no mark, which recognisers mostly leave out where a sentence goes on."""
    FILLED = "filled"
    """It has all of the answer that is expected."""
    AWAITED = "awaited"
    """It has a part of it."""
    NOTHING = "nothing"


SURE = 0.7
"""The confidence with which silence ends a turn; it grows with the silence, see `confidence`."""
_AWAITED_S = 3.0
"""The silence in seconds behind a part of an answer: people look numbers up."""
_UNMARKED = 1.5
"""The silence behind a text without a mark, as a part of the ordinary one."""


class Place(NamedTuple):
    """A pause: whose it is, and where its speech ended."""

    channel: int
    utterance: int
    end: int


def hint(
    pause: Place,
    text: str,
    language: str | None,
    options: SessionOptions,
    answer: Evidence | None = None,
) -> Hint:
    """Return what the text before a pause says of it; `answer`: whether one is whole, or begun."""
    found = answer or evidence(text, language)
    silence = samples(patience(found, options))
    eager = 0
    if any(map(str.isalnum, text)) and options.eager_threshold < SURE:
        eager = max(1, round(silence * log(1 - options.eager_threshold) / log(1 - SURE)))
    return Hint(*pause, silence, eager, text, found.value)


def patience(found: Evidence, options: SessionOptions) -> float:
    """Return the silence that ends an utterance whose text says that (s)."""
    least, most = options.turn_silence
    match found:
        case Evidence.CLOSED | Evidence.FILLED:
            return least
        case Evidence.AWAITED:
            return max(most, _AWAITED_S)
        case Evidence.OPEN | Evidence.SPELLED:
            return most
        case Evidence.UNMARKED:
            return max(least, min(most, _UNMARKED * options.silence_threshold))
        case Evidence.NOTHING:
            return max(least, min(most, options.silence_threshold))


def confidence(waited: int, silence: int) -> float:
    """Return how sure it is that a turn is over after `waited` of the `silence` that ends it.

    It is a scale and no measured probability: 0 without silence, `SURE` where the turn ends.
    """
    return 1.0 - float((1.0 - SURE) ** (waited / silence))


def evidence(text: str, language: str | None) -> Evidence:
    """Return what the end of a text says.

    `language` is an English name as in `common.languages`. Of one without a list of words, marks
    and digits count, but no missing mark: some have none.
    """
    said = text.rstrip(_CLOSING)
    tokens = [each.strip(_MARKS).casefold() for each in _TOKEN.findall(said)]
    tokens = [each for each in tokens if each]
    if not tokens:
        return Evidence.NOTHING
    if _dictates(tokens, DIGITS.get(language or "", frozenset())):
        return Evidence.SPELLED
    if said.endswith(_TRAILING):
        return Evidence.OPEN
    if tokens[-1] in OPEN.get(language or "", ()) and not said.endswith(_QUESTION):
        return Evidence.OPEN
    if said.endswith(_SENTENCE):
        return Evidence.CLOSED
    return Evidence.UNMARKED if language in OPEN else Evidence.NOTHING


def _dictates(tokens: list[str], digits: frozenset[str]) -> bool:
    """Tell whether the last words are digits or letters one by one, or an unfinished address."""
    last = tokens[-1]
    if "@" in last:
        return "." not in last.partition("@")[2]
    if sum(each.isdigit() for each in last) >= _GROUP:
        return True
    run = 0
    for token in reversed(tokens):
        if not (token in digits or token.isdigit() or len(token) == 1):
            break
        run += 1
    return run >= _RUN
