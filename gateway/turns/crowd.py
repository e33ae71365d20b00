"""What all connections of a process share: turns, and room for those without a request.

A connection that has more than one turn's work waits in a queue. The loop serves that queue for
`_SPELL` at a time, so other sockets wait no longer, however many connections are in it.
"""

import asyncio
from collections import deque
from collections.abc import Hashable
from time import monotonic
from typing import Protocol

from gateway.standby import Standby
from gateway.turns.budget import slow_lane
from gateway.turns.descriptors import Descriptors

_MOST_STRANGERS = 2048
"""Most connections without a whole request; beyond it the client with the most of them loses its
oldest."""
_SPELL = 0.002


class Member(Hashable, Protocol):
    """A connection."""

    peer: str

    def go_on(self) -> None:
        """Have a turn."""

    def abort(self) -> None:
        """Close without a message."""


class Crowd:
    """All connections of one event loop."""

    def __init__(self) -> None:
        self.lane = slow_lane()
        self.descriptors = Descriptors()
        self._strangers: Standby[Member] = Standby()
        self._queue: deque[Member] = deque()
        self._serving = False

    def enter(self, member: Member) -> None:
        """Take note of a connection that has not sent its request yet."""
        self._strangers.add(member.peer, member)
        if len(self._strangers) > _MOST_STRANGERS:
            first = self._strangers.first_to_go()
            assert first is not None
            self.leave(first)
            first.abort()

    def leave(self, member: Member) -> None:
        """Take note that a connection has sent its request, or is gone."""
        self._strangers.discard(member.peer, member)

    def wait(self, member: Member, pause: float) -> None:
        """Give a connection its next turn, after `pause` seconds at the earliest."""
        if pause:
            asyncio.get_running_loop().call_later(pause, self._join, member)
        else:
            self._join(member)

    def _join(self, member: Member) -> None:
        self._queue.append(member)
        if not self._serving:
            self._serving = True
            asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        end = monotonic() + _SPELL  # uvloop's own clock counts milliseconds
        # Those that join meanwhile have had their turn.
        for _ in range(len(self._queue)):
            self._queue.popleft().go_on()
            if monotonic() >= end:
                break
        self._serving = bool(self._queue)
        if self._serving:
            loop.call_soon(self._serve)
