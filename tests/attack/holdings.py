"""What an attacker holds where keys are needed: credentials that do not count, and some that do.

They are made with the system, and reach the attacker's process as JSON.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple, Self

_LONG = 20


class Wrong(NamedTuple):
    """A credential that counts nowhere, and the code that it should be answered with."""

    name: str
    credential: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Keys by what they are for; see `tests.attack.guarded`.

    `steady` is the port of another gateway of the same system, and `admin` its operators' port.
    `ports` are those of protocols with a port of their own, by its setting. `victim` has every
    scope of a tenant whose calls the attacker is after. The others are the attacker's own: `rude`
    may transcribe and read, `caller` and `reader` one of both. `few` may have two calls at a time,
    and `seldom` may open three a minute.
    """

    ports: Mapping[str, int]
    victim: str
    rude: str
    caller: str
    reader: str
    few: str
    seldom: str
    wrong: Sequence[Wrong]
    steady: int = 0
    admin: int = 0

    @property
    def secrets(self) -> list[str]:
        """Credentials that are long enough to be found in a log."""
        own = [self.victim, self.rude, self.caller, self.reader, self.few, self.seldom]
        wrong = (each.credential for each in self.wrong)
        return own + [each for each in wrong if len(each) > _LONG]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote."""
        told = json.loads(path.read_text())
        return cls(**{**told, "wrong": [Wrong(*each) for each in told["wrong"]]})

    def write(self, path: Path) -> None:
        """Write it for the attacker's process."""
        path.write_text(json.dumps(asdict(self)))


FEW, SELDOM = 2, 3
"""Calls at a time of the key `few`, and a minute of `seldom`."""


def bearer(credential: str) -> tuple[str, ...]:
    """Return the header that shows a credential."""
    return (f"Authorization: Bearer {credential}",)


def forwarded(chance: Random) -> str:
    """Return a header by which a trusted proxy tells any address."""
    return f"X-Forwarded-For: 203.0.113.{chance.randrange(256)}"
