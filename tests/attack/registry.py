"""The attacks by name: one function each, told whom to attack; it is cancelled when time is up."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.attack.rude import Target

Attacking = Callable[[Target], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Attack:
    """One rude client. `short`: it is part of the short form.

    `guarded`: the system needs keys, and the attacker holds some.
    """

    name: str
    kin: str
    about: str
    run: Attacking
    short: bool
    guarded: bool


ATTACKS: dict[str, Attack] = {}
"""Filled by importing `tests.attack.kin`, in the order of the report."""


def attack(
    about: str, *, short: bool = False, guarded: bool = False
) -> Callable[[Attacking], Attacking]:
    """Register a function as the attack of its own name, with hyphens."""

    def register(function: Attacking) -> Attacking:
        name = function.__name__.replace("_", "-")
        kin = function.__module__.rpartition(".")[2]
        ATTACKS[name] = Attack(name, kin, about, function, short, guarded)
        return function

    return register


def chosen(only: list[str], *, short: bool) -> list[Attack]:
    """Return the attacks, or kin, that are named; all, or those of the short form, without names.

    Raises KeyError with the names that are neither.
    """
    unknown = [n for n in only if n not in ATTACKS and n not in {a.kin for a in ATTACKS.values()}]
    if unknown:
        raise KeyError(", ".join(unknown))
    if only:
        return [each for each in ATTACKS.values() if each.name in only or each.kin in only]
    return [each for each in ATTACKS.values() if each.short or not short]
