"""The table of drills: which alerts each provokes, and how."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from tests.drills.system import System

Provoke: TypeAlias = Callable[[System, Callable[[], bool]], Awaitable[None]]
"""Does what the alerts are for, until they fire, and then mends it."""


@dataclass(frozen=True)
class Drill:
    """Provokes alerts, given by name and severity.

    `short`: part of the short form. `beside`: it runs beside the others, which it does not disturb.
    """

    name: str
    text: str
    alerts: frozenset[tuple[str, str]]
    provoke: Provoke
    short: bool = False
    beside: bool = False


DRILLS: list[Drill] = []

WITHOUT: dict[str, str] = {}
"""Alerts that no drill provokes, with the reason."""


def drill(
    *alerts: str, says: str, short: bool = False, beside: bool = False
) -> Callable[[Provoke], Provoke]:
    """Enter a function into the table; an alert is given as `Name/severity`."""

    def enter(provoke: Provoke) -> Provoke:
        found = frozenset(
            (name, severity) for name, _, severity in (a.partition("/") for a in alerts)
        )
        DRILLS.append(Drill(provoke.__name__, says, found, provoke, short, beside))
        return provoke

    return enter
