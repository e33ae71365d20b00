"""Conversations that have no call yet, by client: who may wait, and who goes first.

Some clients connect long before they speak, and others must not lack places for it. The connections
of one client that wait are bounded in number and time. Where places are short, the client that has
the most loses its oldest one.
"""

import asyncio
import time
from collections.abc import Callable

from gateway.conversations.client import Newcomer
from gateway.standby import Standby

_GRACE = 1.0
"""Seconds in which a connection's first message is under way: it is not ended for another's sake,
unless its client has more of them."""


class Newcomers:
    """The conversations of one gateway that have no call yet.

    `most`: how many of one client may be `late`.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._all: Standby[Newcomer] = Standby(_GRACE, clock)
        self._late: Standby[Newcomer] = Standby()
        self._timers: dict[Newcomer, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, client: str, newcomer: Newcomer) -> None:
        """Add a conversation that has just begun."""
        self._all.add(client, newcomer)

    def late(self, client: str, newcomer: Newcomer, seconds: float) -> None:
        """Let one wait for `seconds` more; if its client has too many of those, end the oldest."""
        loop = asyncio.get_running_loop()
        self._timers[newcomer] = loop.call_later(seconds, newcomer.give_up)
        oldest = self._late.add(client, newcomer, self._most)
        if oldest is not None:
            oldest.give_up()

    def discard(self, client: str, newcomer: Newcomer) -> None:
        """Remove one that has a call now, or is over."""
        self._all.discard(client, newcomer)
        self._late.discard(client, newcomer)
        if (timer := self._timers.pop(newcomer, None)) is not None:
            timer.cancel()

    def make_room(self, client: str) -> bool:
        """End one for a client that is short of a place; tell whether there was one."""
        first = self._all.first_to_go(client)
        if first is not None:
            first.give_up()
        return first is not None
