"""How long a pause may be, by the end of the text before it. Pure.

Recognisers close a sentence with a mark, and often do so where its speaker only thinks. So a mark
counts only behind a word that can end a sentence: "the." does not, nor does a number or a name that
is being spelled. And it counts only if its recogniser is sure of it, where that is known. What the
rules cost and save is in docs/quality.md.
"""

import re
from enum import Enum
from math import log

from common.audio import samples
from common.languages import QUESTION_MARKS, SENTENCE_MARKS
from common.options import SessionOptions
from common.pipeline.control import Hint
from common.pipeline.partial import PartialText
from gateway.endpointing.words import AT, DICTATED, DOT, OPEN

_CLOSING = "\"'”’»)] "
_TRAILING = ("...", "…", ",", ";", ":", "-", "–", "—", "、", "，")
_TOKEN = re.compile(r"[^\s,;:\-–—…]+")
_MARKS = "".join(SENTENCE_MARKS) + "\"'”’»)]("
_INITIALS = re.compile(r"[^\W\d_](?:\.[^\W\d_]){2,}")
_RUN = 2
"""Digits or letters, one by one, that are being dictated; a single one may be an answer."""
_GROUP = 3
"""The same in one token: recognisers write digits together."""
_ADDRESS = 5
"""Words at the end of a text among which the sign of an unfinished address is."""


class Evidence(Enum):
    """What the end of a text says of its speaker."""

    CLOSED = "closed"
    """It ends a sentence."""
    DOUBTED = "doubted"
    """It ends a sentence with a mark, but its recogniser doubts the mark."""
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
    UNKNOWN = "unknown"
    """It has words and no mark, in a language that may have none."""
    NOTHING = "nothing"
    """It has no words."""


SURE = 0.7
"""The confidence with which silence ends a turn; it grows with the silence, see `confidence`."""
_AWAITED_S = 3.0
"""The silence in seconds behind a part of an answer: people look numbers up."""
_UNMARKED = 1.5
"""The silence behind a text without a mark, as a part of the ordinary one."""
_TRUSTED = 0.8
"""Probability from which a mark is not doubted. tiny.en gives it to the marks of 96 % of English
prompts, and of 17 % of them cut in the middle, which it closes in 71 %."""


def hint(
    channel: int,
    utterance: int,
    said: PartialText,
    options: SessionOptions,
    answer: Evidence | None = None,
) -> Hint:
    """Return what the text before a pause, which ends where its speech did, says of it.

    `answer`: whether an answer that is expected is whole, or begun.
    """
    found = answer or evidence(said.text, said.language, said.mark)
    silence = samples(patience(found, options))
    eager = 0
    if any(map(str.isalnum, said.text)) and options.eager_threshold < SURE:
        eager = max(1, round(silence * log(1 - options.eager_threshold) / log(1 - SURE)))
    return Hint(channel, utterance, said.end, silence, eager, said.text, found.value)


def patience(found: Evidence, options: SessionOptions) -> float:
    """Return the silence that ends an utterance whose text says that (s)."""
    least, most = options.turn_silence
    match found:
        case Evidence.CLOSED | Evidence.FILLED:
            return least
        case Evidence.AWAITED:
            return max(most, _AWAITED_S)
        case Evidence.OPEN | Evidence.SPELLED | Evidence.NOTHING:
            return most
        case Evidence.UNMARKED:
            return max(least, min(most, _UNMARKED * options.silence_threshold))
        case Evidence.DOUBTED | Evidence.UNKNOWN:
            return max(least, min(most, options.silence_threshold))


def confidence(waited: int, silence: int) -> float:
    """Return how sure it is that a turn is over after `waited` of the `silence` that ends it.

    It is a scale and no measured probability: 0 without silence, `SURE` where the turn ends.
    """
    return 1.0 - float((1.0 - SURE) ** (waited / silence))


def evidence(text: str, language: str | None, mark: float | None = None) -> Evidence:
    """Return what the end of a text says.

    `language` is an English name as in `common.languages`. Of one without a list of words, marks
    and digits count, but no missing mark: some have none. `mark` is the probability of the mark at
    its end, None if it is not known.
    """
    said = text.rstrip(_CLOSING)
    tokens = [each.strip(_MARKS).casefold() for each in _TOKEN.findall(said)]
    tokens = [each for each in tokens if each]
    if not tokens:
        return Evidence.NOTHING
    if _dictates(tokens, DICTATED.get(language or "", frozenset())):
        return Evidence.SPELLED
    if _is_unfinished_address(tokens, language or ""):
        return Evidence.SPELLED
    if said.endswith(_TRAILING):
        return Evidence.OPEN
    if tokens[-1] in OPEN.get(language or "", ()) and not said.endswith(QUESTION_MARKS):
        return Evidence.OPEN
    if said.endswith(SENTENCE_MARKS):
        return Evidence.CLOSED if mark is None or mark >= _TRUSTED else Evidence.DOUBTED
    return Evidence.UNMARKED if language in OPEN else Evidence.UNKNOWN


def _dictates(tokens: list[str], dictated: frozenset[str]) -> bool:
    """Tell whether the last words are digits or letters one by one."""
    last = tokens[-1]
    if sum(each.isdigit() for each in last) >= _GROUP or _INITIALS.fullmatch(last):
        return True
    run = 0
    for token in reversed(tokens):
        if not (token in dictated or token.isdigit() or len(token) == 1):
            break
        run += 1
    return run >= _RUN


def _is_unfinished_address(tokens: list[str], language: str) -> bool:
    """Tell whether the text ends with the sign of an e-mail address, and no dot behind it."""
    signs = AT.get(language, frozenset())
    for number, token in list(enumerate(tokens))[-_ADDRESS:]:
        if "@" in token or token in signs:
            behind = [token.partition("@")[2], *tokens[number + 1 :]]
            return not any("." in each or each in DOT.get(language, ()) for each in behind)
    return False
