"""What a caller is expected to say, as the option `expect` spells it.

digits               digits, as many as are said
digits 10            ten of them; `digits 4-6`, `digits 4,6`: other lengths
alphanumeric 6       letters and digits
yes_no
one_of red|green     one of these
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["digits", "alphanumeric", "yes_no", "one_of"]

_LENGTHS = re.compile(r"\d{1,2}(?:[-,]\d{1,2})*")
_MOST_CHOICES = 50


@dataclass(frozen=True, slots=True)
class Expectation:
    """`lengths`: of what is spelled, in characters, none for any; `choices` of one of a list."""

    kind: Kind
    lengths: tuple[int, ...] = ()
    choices: tuple[str, ...] = ()


def expectation(spelled: str) -> Expectation | None:
    """Read the option, None for an empty one. Raises ValueError, which says what is allowed."""
    if not spelled:
        return None
    kind, _, rest = spelled.strip().partition(" ")
    rest = rest.strip()
    match kind:
        case "digits" | "alphanumeric":
            return Expectation(kind, _lengths(rest))
        case "yes_no" if not rest:
            return Expectation(kind)
        case "one_of":
            choices = tuple(each.strip() for each in rest.split("|"))
            if all(choices) and len(choices) <= _MOST_CHOICES:
                return Expectation(kind, choices=choices)
            raise ValueError(f"one_of takes 1 to {_MOST_CHOICES} choices with | between them")
    raise ValueError("it is digits or alphanumeric with lengths, yes_no, or one_of with choices")


def _lengths(spelled: str) -> tuple[int, ...]:
    if not spelled:
        return ()
    compact = spelled.replace(" ", "")
    if not _LENGTHS.fullmatch(compact):
        raise ValueError("lengths are numbers such as 10, 4-6 or 4,6")
    found: set[int] = set()
    for part in compact.split(","):
        first, *last = map(int, part.split("-"))
        found |= {*range(first, (last or [first])[-1] + 1)}
    if not found or not min(found):
        raise ValueError("lengths are from 1 on, the smaller one first")
    return tuple(sorted(found))
