"""The answer to what was asked, in what was heard of it. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from common.expectation import Expectation
from common.pipeline.slot import Heard
from gateway.answers.amounts import amount
from gateway.answers.checks import checks
from gateway.answers.dates import dates
from gateway.answers.readings import Reading, readings

MOST_ALTERNATIVES = 3
_EMAIL = re.compile(r"[a-z0-9][a-z0-9._%+-]*@(?:[a-z0-9-]+\.)+[a-z]{2,}")
_OPEN_ENDS = (".co", ".com.", ".org.")
"""Ends of an address behind which a country may come."""


@dataclass(frozen=True, slots=True)
class Found:
    """What of an answer was said: its `value`, empty for nothing.

    `valid`: it is as was asked for. `complete`: nothing can come behind it. `begun`: it has a
    part, and more is to come. `sure`: the probability of each character, empty where it is not
    known. `alternatives`: other values that would be valid.
    """

    value: str = ""
    valid: bool = False
    complete: bool = False
    begun: bool = False
    sure: tuple[float, ...] = ()
    alternatives: tuple[str, ...] = ()


def answer(utterances: Sequence[Sequence[Heard]], wanted: Expectation) -> Found:
    """Return the answer that several utterances give, in their order."""
    match wanted.kind:
        case "digits" | "alphanumeric" | "letters":
            return _spelled(readings(utterances, in_characters=True), wanted)
        case "yes_no" | "one_of":
            return _chosen(utterances)
        case "email":
            return _address(readings(utterances, in_characters=False))
        case "date":
            return _dated(readings(utterances, in_characters=False))
        case "amount":
            return _counted(readings(utterances, in_characters=False))


def _spelled(found: Sequence[Reading], wanted: Expectation) -> Found:
    fit = [each for each in found if _fits(each.text, wanted)]
    fit = fit or [each for each in _once(found[0], wanted) if _fits(each.text, wanted)]
    longest = wanted.lengths[-1] if wanted.lengths else 0
    short = [each for each in found if not longest or len(each.text) <= longest]
    chosen = (fit or short or found)[0]
    complete = bool(fit) and len(chosen.text) == longest
    return _of(chosen, fit, complete=complete)


def _once(said: Reading, wanted: Expectation) -> Iterator[Reading]:
    """Yield what is as long as is wanted without characters that were said again directly."""
    text = said.text
    for more in (len(text) - length for length in wanted.lengths):
        for at in range(len(text) - 2 * more, -1, -1) if more > 1 else ():
            if text[at : at + more] == text[at + more : at + 2 * more]:
                left = text[:at] + text[at + more :]
                sure = said.sure and said.sure[:at] + said.sure[at + more :]
                yield Reading((Heard(left, sure or None),))


def _fits(text: str, wanted: Expectation) -> bool:
    length = not wanted.lengths or len(text) in wanted.lengths
    return bool(text) and length and checks(text, wanted.check)


def _chosen(utterances: Sequence[Sequence[Heard]]) -> Found:
    """Return what the last utterance chooses that chooses one; of several none counts."""
    for heard in reversed(utterances):
        behind = max((at for at, each in enumerate(heard) if each.mark), default=-1)
        said = [each for each in heard[behind + 1 :] if each.text] or [e for e in heard if e.text]
        values = list(dict.fromkeys(each.text for each in said))
        if len(values) == 1:
            return Found(values[0], valid=True, complete=True)
        if values:
            return Found(alternatives=tuple(values[:MOST_ALTERNATIVES]))
    return Found()


def _address(found: Sequence[Reading]) -> Found:
    fit = [each for each in found if _EMAIL.fullmatch(each.text)]
    chosen = (fit or found)[0]
    _, at, host = chosen.text.partition("@")
    if not at or (host and "." not in host):  # "I have none at the moment"
        return Found()
    return _of(chosen, fit, complete=bool(fit) and not chosen.text.endswith(_OPEN_ENDS))


def _dated(found: Sequence[Reading]) -> Found:
    values = list(dict.fromkeys(day for each in found for day in dates(_words(each))))
    if not values:
        part = " ".join(_words(found[0]))
        return Found(part, begun=bool(part))
    others = tuple(values[1 : 1 + MOST_ALTERNATIVES])
    return Found(values[0], valid=True, complete=True, alternatives=others)


def _counted(found: Sequence[Reading]) -> Found:
    counted = amount(_words(found[0]))
    if counted is None:
        return Found()
    value, complete = counted
    return Found(value, valid=True, complete=complete)


def _of(chosen: Reading, fit: Sequence[Reading], *, complete: bool) -> Found:
    """Return what a reading says; `fit` are those that would be valid."""
    return Found(
        chosen.text,
        valid=bool(fit),
        complete=complete,
        begun=bool(chosen.text) and not complete,
        sure=chosen.sure,
        alternatives=tuple(each.text for each in fit[1 : 1 + MOST_ALTERNATIVES]),
    )


def _words(reading: Reading) -> list[str]:
    return [each.text for each in reading.groups]
