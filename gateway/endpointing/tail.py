"""How long a pause may be, by the end of the text before it. Pure.

Recognisers close a sentence with a mark, and often do so where its speaker only thinks. So a mark
counts only behind a word that can end a sentence: "the." does not, nor does a number or a name that
is being spelled. What the rules cost and save is in docs/quality.md.
"""

import re
from collections.abc import Mapping
from enum import Enum, auto

from common.pipeline.control import SHORTEST_PAUSE
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

    CLOSED = auto()
    """It ends a sentence."""
    OPEN = auto()
    """It asks for more."""
    SPELLED = auto()
    """It is a number, a name or an address that is being dictated."""
    UNMARKED = auto()
    """It has words and no mark, which recognisers mostly leave out where a sentence goes on."""
    NOTHING = auto()


FACTORS: Mapping[Evidence, float] = {
    Evidence.CLOSED: SHORTEST_PAUSE,
    Evidence.OPEN: 2.0,
    Evidence.SPELLED: 2.0,
    Evidence.UNMARKED: 1.5,
    Evidence.NOTHING: 1.0,
}
"""The silence that ends an utterance, for each evidence, as a part of the ordinary one."""


def patience(text: str, language: str | None, silence: float) -> float:
    """Return the silence that ends an utterance with this text (s); `silence` is the ordinary one.

    `language` is an English name as in `common.languages`. Of one without a list of words, marks
    and digits count, but no missing mark: some have none.
    """
    return silence * FACTORS[evidence(text, language)]


def evidence(text: str, language: str | None) -> Evidence:
    """Return what the end of a text says; see `patience`."""
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
