"""Secrets that are planted in calls: what they are, and how people say them."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from common.options import Redacted

Kind: TypeAlias = Literal["card", "cvv", "expiry", "ssn", "phone", "iban", "email"]

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEENS = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_UNWANTED = ("2026", "2027", "127001", "0000", "1234")
"""Digits that logs and dates have without telling a secret."""

HIDES: Mapping[Kind, Redacted] = {
    "card": "pci",
    "cvv": "pci",
    "expiry": "pci",
    "ssn": "ssn",
    "phone": "phone",
    "iban": "iban",
    "email": "email",
}
"""The kind of `redact` that hides a secret of each kind."""
HIDING: Sequence[Redacted] = tuple(dict.fromkeys(HIDES.values()))


@dataclass(frozen=True, slots=True)
class Secret:
    """Digits, or the words of an address."""

    kind: Kind
    digits: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says without a long pause."""

    channel: int
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns of a call and the secrets in them."""

    turns: tuple[Turn, ...]
    secrets: tuple[Secret, ...]

    @property
    def kinds(self) -> tuple[Redacted, ...]:
        """What has to be hidden."""
        return tuple(sorted({HIDES[each.kind] for each in self.secrets}))


def conversation(
    number: int,
    seed: int = 0,
    *,
    legs: int = 2,
    open: bool = False,
    only: Redacted | None = None,
) -> Conversation:
    """Return a call that has four secrets, three of them of any kind and said in any way.

    With `only`, all are hidden by this kind of `redact`: three, and the fourth if it is `pci`.
    Customers speak on channel 0, agents on the last one. Those of `open` calls have none of the
    digits of others, so that what is found is not taken for theirs.
    """
    dice = random.Random(f"planted {seed} {number}")
    half = digits_of(seed, open=open)
    customer, agent = 0, legs - 1
    turns = [Turn(agent, "thank you for calling how can I help you today")]
    secrets: list[Secret] = []
    own = [kind for kind in _WAYS if HIDES[kind] == only]
    drawn = dice.choices(own, k=3) if own else dice.sample([*_WAYS], 3)
    for offset, kind in enumerate(drawn):
        secret = _secret(kind, dice, half)
        secrets.append(secret)
        ways = _WAYS[kind]
        said = ways[(number + offset) % len(ways)](secret, dice)
        turns += [Turn(customer if side == "c" else agent, text) for side, text in said]
    if only in (None, HIDES["cvv"]):  # only the question tells what this is
        code = _secret("cvv", dice, half)
        secrets.append(code)
        turns.append(Turn(agent, "and what is the security code on the back"))
        turns.append(Turn(customer, f"that would be {_each(code.digits)} I think"))
    turns.append(Turn(customer, "thanks I paid twenty five dollars for two of them in march"))
    return Conversation(tuple(turns), tuple(secrets))


def digits_of(seed: int, *, open: bool) -> str:
    """Return the digits of the secrets of open calls, or of the others."""
    halves = ("0123456", "789") if seed % 2 else ("3456789", "012")
    return halves[open]


def _secret(kind: Kind, dice: random.Random, half: str) -> Secret:
    while True:
        secret = _drawn(kind, dice, half)
        if not any(each in secret.digits for each in _UNWANTED):
            return secret


_LENGTHS: Mapping[Kind, int] = {"cvv": 3, "expiry": 4, "ssn": 9, "phone": 10, "iban": 20}


def _drawn(kind: Kind, dice: random.Random, half: str) -> Secret:
    if kind == "email":
        return Secret(kind, names=(_name(dice), _name(dice)))
    if kind != "card":
        return Secret(kind, _digits(dice, half, _LENGTHS[kind]))
    number = _digits(dice, half, 16)
    while _checksum(number) % 10:
        number = _digits(dice, half, 16)
    return Secret(kind, number)


def _digits(dice: random.Random, half: str, count: int) -> str:
    return "".join(dice.choice(half) for _ in range(count))


def _checksum(number: str) -> int:
    """Return a sum that the number of a card makes divisible by ten (ISO/IEC 7812-1, annex B)."""
    doubled = (int(each) * (2 - at % 2) for at, each in enumerate(number))
    return sum(each - 9 if each > 9 else each for each in doubled)


def _name(dice: random.Random) -> str:
    """Return a name that nobody has."""
    return "".join(dice.choice("bdgklmnprstvz") + dice.choice("aeiou") for _ in range(4)) + "x"


# --- digits in ten phrasings ---


def _each(digits: str) -> str:
    return " ".join(WORDS[int(each)] for each in digits)


def _with_oh(digits: str) -> str:
    return _each(digits).replace("zero", "oh")


def _repeated(digits: str) -> str:
    words, at = [], 0
    while at < len(digits):
        double = digits[at : at + 2] == 2 * digits[at]
        words.append(f"double {WORDS[int(digits[at])]}" if double else WORDS[int(digits[at])])
        at += 1 + double
    return " ".join(words)


def _pairs(digits: str) -> str:
    words = [_pair(digits[at : at + 2]) for at in range(0, len(digits), 2)]
    return " ".join(words)


def _pair(digits: str) -> str:
    tens, ones = int(digits[0]), int(digits[-1])
    if len(digits) == 1 or tens == 0:
        return _each(digits)
    if tens == 1:
        return TEENS[ones]
    return f"{TENS[tens - 2]} {WORDS[ones]}" if ones else TENS[tens - 2]


def _fours(digits: str) -> list[str]:
    return [digits[at : at + 4] for at in range(0, len(digits), 4)]


def _hesitant(digits: str) -> str:
    return " uh ".join(_each(each) for each in _fours(digits))


def _commas(digits: str) -> str:
    return ", ".join(_each(each) for each in _fours(digits))


def _mixed(digits: str) -> str:
    halves = [(each[:2], each[2:]) for each in _fours(digits)]
    return " ".join(f"{a} {_pair(b)}" if b else a for a, b in halves)


PHRASINGS: Sequence[Callable[[str], str]] = (
    _each,
    _with_oh,
    _repeated,
    _pairs,
    _hesitant,
    _commas,
    lambda digits: " ".join(_fours(digits)),
    lambda digits: "-".join(_fours(digits)),
    lambda digits: digits,
    lambda digits: " ".join(digits),
    _mixed,
)
"""How a number is read aloud, or written by a recogniser."""

# --- who says what; "c" is the customer, "a" the agent ---

_Said: TypeAlias = list[tuple[str, str]]
_Way: TypeAlias = Callable[[Secret, random.Random], _Said]


def _aloud(secret: Secret, dice: random.Random) -> str:
    return dice.choice(PHRASINGS)(secret.digits)


def _sentence(*carriers: str) -> list[_Way]:
    """Return ways to say a number in one sentence."""

    def way(carrier: str) -> _Way:
        return lambda secret, dice: [("c", carrier.format(_aloud(secret, dice)))]

    return [way(each) for each in carriers]


def _answered(question: str, *answers: str) -> list[_Way]:
    """Return ways to answer a question of the agent's with a number."""

    def way(answer: str) -> _Way:
        return lambda secret, dice: [
            ("a", question),
            ("c", answer.format(_aloud(secret, dice))),
        ]

    return [way(each) for each in answers]


def _in_pieces(size: int, opening: str) -> _Way:
    """Return a way to say a number with pauses behind every few digits."""

    def way(secret: Secret, dice: random.Random) -> _Said:
        say = dice.choice((_each, _with_oh, _pairs, lambda digits: digits))
        parts = [secret.digits[at : at + size] for at in range(0, len(secret.digits), size)]
        first, *rest = map(say, parts)
        return [("c", f"{opening} {first}"), *(("c", each) for each in rest)]

    return way


def _read_back(secret: Secret, dice: random.Random) -> _Said:
    return [
        ("a", "can I have your card number please"),
        ("c", _aloud(secret, dice)),
        ("a", f"so that is {_aloud(secret, dice)} is that right"),
        ("c", "yes it is"),
    ]


def _shared(secret: Secret, dice: random.Random) -> _Said:
    """Say a half each: the agent helps."""
    half = len(secret.digits) // 2
    return [
        ("a", "go ahead with the card number"),
        ("c", f"okay {_each(secret.digits[:half])}"),
        ("a", f"I have {_each(secret.digits[: half // 2])} what comes then"),
        ("c", f"then {_pairs(secret.digits[half:])}"),
    ]


def _account(secret: Secret, dice: random.Random) -> str:
    return f"DE{secret.digits[:2]} {' '.join(_fours(secret.digits[2:]))}"


def _spelled(secret: Secret) -> str:
    return " ".join(secret.names[0])


_WAYS: Mapping[Kind, Sequence[_Way]] = {
    "card": [
        *_sentence(
            "my card number is {} thank you so much",
            "yes the card is {} if you can take that",
            "it says {} on the front of it",
            "sure {} and that was all of them",
        ),
        *_answered("what is the card number please", "{}", "well it says {} here on this one"),
        _in_pieces(4, "the card number is"),
        _in_pieces(3, "it starts with"),
        _read_back,
        _shared,
    ],
    "cvv": [
        *_sentence("the security code is {} I believe", "my CVV is {} as I said"),
        *_answered("and the security code on the back", "that would be {} I think", "{}"),
        *_answered("what are the three digits on the back", "I can read {} here", "um {} okay"),
    ],
    "expiry": [
        *_sentence("it expires {} I think", "valid until {} as it says here"),
        *_answered("when does the card expire", "that is {} for this one", "{}"),
        *_answered("what is the expiry date please", "let me see {} it says"),
    ],
    "ssn": [
        *_sentence("my social is {} as I said", "social security number {} for me"),
        *_answered("what is your social security number", "sure it is {} right there", "{}"),
        _in_pieces(3, "my social is"),
    ],
    "phone": [
        *_sentence("call me on {} tomorrow", "my number is {} in the evening"),
        *_answered("on which number can I reach you", "try {} if you can", "{}"),
        _in_pieces(5, "reach me at"),
    ],
    "iban": [
        lambda secret, dice: [("c", f"send it to {_account(secret, dice)} today")],
        lambda secret, dice: [("c", f"the IBAN is D E {_each(secret.digits)} for that one")],
        lambda secret, dice: [
            ("a", "what is your IBAN"),
            ("c", f"it is delta echo {_with_oh(secret.digits)} I hope"),
        ],
    ],
    "email": [
        lambda s, dice: [("c", f"my email is {' dot '.join(s.names)} at example dot com okay")],
        lambda s, dice: [("c", f"write to {s.names[0]}.{s.names[1]}@example.com instead")],
        lambda s, dice: [("c", f"it is {s.names[0]} underscore {s.names[1]} at gmail")],
        lambda s, dice: [
            ("a", "can you spell your email address for me"),
            ("c", _spelled(s)),
            ("c", f"at {s.names[1]} dot net"),
        ],
        lambda s, dice: [
            ("a", "what is your email"),
            ("c", f"sure {s.names[0]} at {s.names[1]} dot com"),
        ],
    ],
}
