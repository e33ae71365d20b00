"""How numbers are written in figures: with or without separators."""

from collections.abc import Iterator
from typing import Literal

Style = Literal["digits", "grouped", "strings"]
"""Without signs; with them; with them only in strings of digits, where amounts have others."""

_GROUPS = {
    7: (3, 4),
    8: (4, 4),
    9: (3, 3, 3),
    10: (3, 3, 4),
    11: (3, 4, 4),
    12: (4, 4, 4),
    14: (4, 6, 4),
    15: (4, 6, 5),
}
"""Which digits stand together in a string, by its length; those of other lengths stand in fours."""
_NORTH_AMERICA = (1, 3, 3, 4)
"""A telephone number with its country code."""
_THOUSANDS_FROM = 10_000
_SUFFIXES = {1: "st", 2: "nd", 3: "rd"}


def string(digits: str, style: Style) -> str:
    """Return digits that were said one after the other."""
    if style == "digits" or len(digits) < min(_GROUPS):
        return digits
    sizes = _GROUPS.get(len(digits))
    if len(digits) == sum(_NORTH_AMERICA) and digits.startswith("1"):
        sizes = _NORTH_AMERICA
    return "-".join(_cut(digits, sizes or (4,) * (len(digits) // 4 + 1)))


def cardinal(value: int, style: Style, *, amount: bool = False) -> str:
    """Return a number; of an `amount` the thousands are apart from 1000 on."""
    grouped = style == "grouped" and value >= (1000 if amount else _THOUSANDS_FROM)
    return f"{value:,}" if grouped else str(value)


def ordinal(value: int) -> str:
    """Return an ordinal such as 21st."""
    teens = value % 100 // 10 == 1
    return f"{value}{'th' if teens else _SUFFIXES.get(value % 10, 'th')}"


def _cut(digits: str, sizes: tuple[int, ...]) -> Iterator[str]:
    at = 0
    for size in sizes:
        if at < len(digits):
            yield digits[at : at + size]
        at += size
