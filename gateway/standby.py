"""Calls that hold a place without using it, and which of them goes first. Pure.

Unused places must not keep other callers out: where places are short, the client that has the most
such calls loses its oldest one.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


def _no_clock() -> float:
    return 0.0


class Standby(Generic[T]):
    """Calls by the client that they belong to, oldest first.

    For `grace` seconds of `clock` a call may be about to use its place: within them it goes only
    for a client that has fewer. Without grace no clock is needed.
    """

    def __init__(self, grace: float = 0.0, clock: Callable[[], float] = _no_clock) -> None:
        self._grace = grace
        self._clock = clock
        self._clients: dict[str, dict[T, float]] = {}
        """When each client's calls came."""

    def __len__(self) -> int:
        return sum(map(len, self._clients.values()))

    def add(self, client: str, call: T, most: int | None = None) -> T | None:
        """Add a call; return the client's oldest one if it has more than `most` now."""
        calls = self._clients.setdefault(client, {})
        calls.setdefault(call, self._clock())
        return next(iter(calls)) if most is not None and len(calls) > most else None

    def discard(self, client: str, call: T) -> None:
        """Remove a call that is in use, or over."""
        calls = self._clients.get(client, {})
        calls.pop(call, None)
        if not calls:
            self._clients.pop(client, None)

    def first_to_go(self, newcomer: str = "") -> T | None:
        """Return the oldest call of the client that has the most, of those that may go.

        `newcomer`: the client that needs a place. A call in its grace goes only if its client then
        still has at least as many calls as the newcomer will have.
        """
        latest = self._clock() - self._grace
        fair = len(self._clients.get(newcomer, ())) + 1
        oldest = ((len(calls), *next(iter(calls.items()))) for calls in self._clients.values())
        due = [(held, call) for held, call, came in oldest if came <= latest or held > fair]
        return max(due, key=lambda each: each[0])[1] if due else None
