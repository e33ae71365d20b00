"""A date from its months and numbers. Pure.

Of two digits above 30 the year is one of the last century. Where day and month may be either, the
day comes first, or last behind a year; the other way is an alternative.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import pairwise

_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_SPLITS = {8: ((2, 2, 4), (4, 2, 2)), 6: ((2, 2, 2), (1, 1, 4)), 7: ((1, 2, 4), (2, 1, 4))}
"""How digits that were said in a row may be cut."""
_PIVOT = 30
"""Two digits up to this are a year of this century."""
_EARLIEST = 1800


def dates(said: Sequence[str]) -> list[str]:
    """Return the dates (ISO 8601) that these words may mean, the likelier first."""
    months = [_MONTHS.index(each) + 1 for each in said if each in _MONTHS]
    numbers = [n for each in said if each not in _MONTHS for n in re.findall(r"\d+", each)]
    found: dict[str, None] = {}
    if len(months) > 1:
        return []
    for parts in _parts(numbers):
        found |= dict.fromkeys(_with(months[0], parts) if months else _plain(parts))
    return list(found)


def _parts(numbers: Sequence[str]) -> Iterator[list[str]]:
    """Yield the numbers, with those of four digits that were said in two parts as one."""
    yield list(numbers)
    for at, (first, second) in enumerate(pairwise(numbers)):
        if first in ("19", "20") and len(second) <= 2:
            joined = f"{first}{second:0>2}"
            yield [*numbers[:at], joined, *numbers[at + 2 :]]
    whole = "".join(numbers)
    for split in _SPLITS.get(len(whole), ()):
        ends = [sum(split[: n + 1]) for n in range(len(split))]
        yield [whole[end - size : end] for end, size in zip(ends, split, strict=True)]


def _with(month: int, parts: Sequence[str]) -> Iterator[str]:
    """Yield the dates of a month that was said by its name."""
    if len(parts) == 2:
        for day, year in (parts, parts[::-1]):
            yield from _date(year, month, day)


def _plain(parts: Sequence[str]) -> Iterator[str]:
    if len(parts) != 3:
        return
    first, second, third = parts
    orders: Iterable[tuple[str, str, str]] = ((third, second, first), (third, first, second))
    if len(first) == 4:
        orders = ((first, second, third),)
    for year, month, day in orders:
        yield from _date(year, int(month), day)


def _date(year: str, month: int, day: str) -> Iterator[str]:
    if len(year) not in (2, 4) or len(day) > 2:
        return
    century = (1900 if int(year) > _PIVOT else 2000) if len(year) == 2 else 0
    if century + int(year) < _EARLIEST:
        return
    try:
        yield date(century + int(year), month, int(day)).isoformat()
    except ValueError:
        return
