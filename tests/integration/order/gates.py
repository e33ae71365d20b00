"""Holds what an event does at one of its rounds through Redis, until another event is over.

A round belongs to an event if the event's own tasks make it: those that it begins, and those that
are named after its call. Rounds that many calls share, such as a gateway's writes of audio, belong
to no event: a `Sluice` holds those of some connections.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import Enum
from typing import Any
from unittest.mock import patch

from common.redis.connection import Connection

_PATIENCE = 5.0
"""Seconds that anything is held at most: the other event may need what is held."""


class Side(Enum):
    """Where a round is held: before Redis is asked, or before its answer is read."""

    ASKED = "asked"
    ANSWERED = "answered"


class Gate:
    """Lets the rounds of an event about a call pass but the `at`-th, and counts them."""

    def __init__(self, session: str, at: int, side: Side) -> None:
        self.session = session
        self.held = asyncio.Event()
        self.rounds = 0
        self._at = at
        self._side = side
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let what is held go on."""
        self._released.set()

    def number(self, connection: str) -> int:
        """Return the number of a round that begins."""
        self.rounds += 1
        return self.rounds - 1

    async def pass_by(self, number: int, side: Side) -> None:
        """Wait, if this is where the event is held."""
        if (number, side) != (self._at, self._side) or self._released.is_set():
            return
        self.held.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._released.wait()


class Sluice(Gate):
    """The same for all rounds of each of these connections."""

    def __init__(self, connections: Collection[str], at: int, side: Side) -> None:
        super().__init__("", at, side)
        self.connections = connections
        self._numbers: Counter[str] = Counter()

    def number(self, connection: str) -> int:
        """See `Gate`."""
        self._numbers[connection] += 1
        return self._numbers[connection] - 1


_acting: ContextVar[Gate | None] = ContextVar("acting", default=None)
_gates: set[Gate] = set()


@contextmanager
def watched(gate: Gate) -> Iterator[None]:
    """Let a gate see the rounds of what is begun in here, and of its call's tasks."""
    token = _acting.set(gate)
    _gates.add(gate)
    try:
        yield
    finally:
        _acting.reset(token)


def forget(gate: Gate) -> None:
    """Let what is held go on; the gate sees no more rounds."""
    gate.release()
    _gates.discard(gate)


def _gate_of(connection: Connection) -> Gate | None:
    for sluice in _gates:
        if isinstance(sluice, Sluice) and connection._name in sluice.connections:
            return sluice
    task = asyncio.current_task()
    kind, _, session = (task.get_name() if task else "").partition(":")
    if kind == "out":  # a gateway's doorbell, which an event happened to need
        return None
    named = (each for each in _gates if session and each.session == session)
    gate = next(named, _acting.get())
    return gate if gate in _gates and not isinstance(gate, Sluice) else None


@contextmanager
def gates() -> Iterator[None]:
    """Let gates hold what goes to Redis."""

    def passing(method: Any) -> Any:
        async def passed(self: Connection, parts: Sequence[Any], *more: Any) -> Any:
            gate = _gate_of(self) if _gates and parts else None
            if gate is None:
                return await method(self, parts, *more)
            number = gate.number(self._name)
            await gate.pass_by(number, Side.ASKED)
            answer = await method(self, parts, *more)
            await gate.pass_by(number, Side.ANSWERED)
            return answer

        return passed

    with (
        patch.object(Connection, "insist", passing(Connection.insist)),
        patch.object(Connection, "run", passing(Connection.run)),
    ):
        yield
