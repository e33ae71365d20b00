"""What a caller is expected to say, as the option `expect` spells it.

digits               digits, as many as are said
digits 10            ten of them; `digits 4-6`, `digits 4,6`: other lengths
digits 13-19 luhn    with the check digit of cards
alphanumeric 6       letters and digits; `mod97`: with the check digits of an IBAN
letters              a name that is spelled
yes_no
one_of red|green     one of these
email, date, amount
#card digits 16      the same with the name of the question
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    "digits", "alphanumeric", "letters", "yes_no", "one_of", "email", "date", "amount"
]
Check: TypeAlias = Literal["", "luhn", "mod97"]

_ALLOWED = (
    "it is digits, alphanumeric or letters with lengths, yes_no, one_of with choices, email, date"
    " or amount"
)
_LENGTHS = re.compile(r"\d{1,2}(?:[-,]\d{1,2})*")
_NAME = re.compile(r"#([\w.-]{1,64}) +(?=\S)")
_MOST_CHOICES = 50


@dataclass(frozen=True, slots=True)
class Expectation:
    """`lengths`: of what is spelled, in characters, none for any; `choices` of one of a list.

    `check`: the check digits it has. `name`: that of the question.
    """

    kind: Kind
    lengths: tuple[int, ...] = ()
    choices: tuple[str, ...] = ()
    check: Check = ""
    name: str = ""


def expectation(spelled: str) -> Expectation | None:
    """Read the option, None for an empty one. Raises ValueError, which says what is allowed."""
    spelled = spelled.strip()
    if not spelled:
        return None
    named = _NAME.match(spelled)
    name = named[1] if named else ""
    kind, _, rest = spelled[named.end() if named else 0 :].partition(" ")
    rest = rest.strip()
    match kind:
        case "digits":
            lengths, check = _checked(rest, "luhn")
            return Expectation(kind, _lengths(lengths), check=check, name=name)
        case "alphanumeric":
            lengths, check = _checked(rest, "mod97")
            return Expectation(kind, _lengths(lengths), check=check, name=name)
        case "letters":
            return Expectation(kind, _lengths(rest), name=name)
        case "yes_no" | "email" | "date" | "amount" if not rest:
            return Expectation(kind, name=name)
        case "one_of":
            choices = tuple(each.strip() for each in rest.split("|"))
            if all(choices) and len(choices) <= _MOST_CHOICES:
                return Expectation(kind, choices=choices, name=name)
            raise ValueError(f"one_of takes 1 to {_MOST_CHOICES} choices with | between them")
    raise ValueError(_ALLOWED)


def _checked(rest: str, known: Check) -> tuple[str, Check]:
    """Return lengths, and the check behind them if it is named."""
    lengths = rest.removesuffix(known)
    return (lengths.strip(), known) if lengths != rest else (rest, "")


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
