"""Calls that hold a place without using it, and which of them goes first. Pure.

Unused places must not keep other callers out: where places are short, the client that has the most
such calls loses its oldest one.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Standby(Generic[T]):
    """Calls by the client that they belong to, oldest first."""

    def __init__(self) -> None:
        self._clients: dict[str, dict[T, None]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._clients.values()))

    def add(self, client: str, call: T, most: int | None = None) -> T | None:
        """Add a call; return the client's oldest one if it has more than `most` now."""
        calls = self._clients.setdefault(client, {})
        calls[call] = None
        return next(iter(calls)) if most is not None and len(calls) > most else None

    def discard(self, client: str, call: T) -> None:
        """Remove a call that is in use, or over."""
        calls = self._clients.get(client, {})
        calls.pop(call, None)
        if not calls:
            self._clients.pop(client, None)

    def first_to_go(self) -> T | None:
        """Return the oldest call of the client that has the most."""
        if not self._clients:
            return None
        _, calls = max(self._clients.items(), key=lambda each: len(each[1]))
        return next(iter(calls))
