"""What was dictated, in the ways it can be understood. Pure.

A correction replaces as much as it says: "four five six, no, seven" is 457. It may as well replace
fewer characters or one group and go on, or all. A group may be said again, and an utterance may
begin the number from its start. Each such reading has a cost, and what was asked for chooses among
them: of those that fit it the cheapest, else the cheapest of all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from common.pipeline.slot import Heard

_BEAM = 32
"""Readings that are followed."""
_MOST_REPLACED = 8
"""Characters that a correction replaces before it goes on."""
_OTHERWISE, _AGAIN, _AFTER_ALL, _ANEW = 1, 2, 3, 3
"""The costs of a correction that replaces more or less than it says, of a group said again, of a
correction that corrects nothing, and of an utterance that begins from the start. One that does not
begin as what it replaces costs one more."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand what was said; `groups` are those of its characters, as said.

    `sure`: the probability of each character, where it is known of all.
    """

    groups: tuple[Heard, ...] = ()
    cost: int = 0

    @property
    def text(self) -> str:
        """All its characters."""
        return "".join(each.text for each in self.groups)

    @property
    def sure(self) -> tuple[float, ...]:
        """The probability of each character; empty where it is not known of all."""
        known = tuple(sure for each in self.groups for sure in each.sure or ())
        return known if len(known) == len(self.text) else ()


def readings(utterances: Iterable[Sequence[Heard]], *, in_characters: bool) -> list[Reading]:
    """Return the readings of what several utterances say, the cheapest first.

    `in_characters`: a correction replaces as many characters as it says, else the last group of its
    kind, which is digits or not.
    """
    found = [Reading()]
    corrects = False
    for heard in utterances:
        begins = True
        for each in heard:
            if each.mark == "restarts":
                found, corrects = [Reading(cost=found[0].cost)], False
                continue
            if each.mark:
                corrects = True
                continue
            more = [new for one in found for new in _with(one, each, corrects, in_characters)]
            if begins and any(one.groups for one in found):
                more += [Reading((each,), found[0].cost + _ANEW)]
            found, corrects, begins = _best(more), False, False
    return found


def _with(one: Reading, group: Heard, corrects: bool, in_characters: bool) -> list[Reading]:
    """Return the readings that a group makes of one."""
    said, cost, size = one.groups, one.cost, len(group.text)
    if not said:
        return [Reading((group,), cost)]
    appended = (*said, group)
    if not corrects:
        last = said[-1].text
        again = size > 1 and group.text.startswith(last)
        return [Reading(appended, cost)] + (
            [Reading((*said[:-1], group), cost + _AGAIN)] if again else []
        )
    replaced = _in_place(said, group)
    usual = (*_without(said, size), group) if in_characters else replaced
    found = [
        Reading(usual, cost),
        Reading(replaced, cost + _OTHERWISE),
        Reading((group,), cost + _OTHERWISE),
        Reading(appended, cost + _AFTER_ALL),
    ]
    if in_characters:
        text = one.text
        for count in range(1, min(size, _MOST_REPLACED, len(text) + 1)):
            likely = text[-count] == group.text[0]
            more = cost + _OTHERWISE + (not likely)
            found.append(Reading((*_without(said, count), group), more))
    return found


def _in_place(groups: Sequence[Heard], group: Heard) -> tuple[Heard, ...]:
    """Return groups with this one in the place of the last that is digits as it is, or not."""
    digits = _has_digits(group)
    alike = [at for at, each in enumerate(groups) if _has_digits(each) == digits]
    at = alike[-1] if alike else len(groups) - 1
    return (*groups[:at], group, *groups[at + 1 :])


def _has_digits(group: Heard) -> bool:
    return any(map(str.isdigit, group.text))


def _without(groups: Sequence[Heard], characters: int) -> tuple[Heard, ...]:
    """Return groups without the last characters."""
    left = list(groups)
    while characters and left:
        last = left.pop()
        kept = len(last.text) - characters
        if kept > 0:
            return (*left, Heard(last.text[:kept], last.sure and last.sure[:kept]))
        characters = -kept
    return tuple(left)


def _best(found: Iterable[Reading]) -> list[Reading]:
    """Return the cheapest readings, each text once."""
    kept: dict[str, Reading] = {}
    for each in sorted(found, key=lambda one: one.cost):
        kept.setdefault(each.text, each)
    return list(kept.values())[:_BEAM]
