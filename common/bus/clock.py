"""The time by Redis's clock, the one clock that processes on several hosts share."""

import asyncio
import time
from collections import deque
from typing import NamedTuple

from common.errors import BusUnavailable
from common.redis.link import CommandError, CommandRefused, Link

_ASK_EVERY = 1.0
_ANSWERS = 30
"""Answers whose best one counts: those of half a minute, in which clocks drift by a few ms."""


class _Answer(NamedTuple):
    """How long an answer took (s), and how far Redis's clock is ahead of the monotonic one (s)."""

    took: float
    ahead: float


class Clock:
    """Redis's clock, as far as its answers tell.

    An answer was given somewhere in the time that it took, so the quickest one is wrong by half of
    its round trip at most. In a cluster the clock is the foremost of its masters'.
    """

    def __init__(self) -> None:
        self._answers: deque[_Answer] = deque(maxlen=_ANSWERS)
        self._generation: int | None = None
        self._ahead: float | None = None

    def at(self, moment: float) -> float | None:
        """Return the time of a moment of the monotonic clock, s since 1970; None if not known."""
        return None if self._ahead is None else moment + self._ahead

    def now(self) -> float | None:
        """Return the time now, s since 1970; None if not known."""
        return self.at(time.monotonic())

    async def keep(self, link: Link) -> None:
        """Ask for ever."""
        while True:
            try:
                await self.ask(link)
            except BusUnavailable:
                await link.wait_connected()
            except CommandRefused as refused:
                if not refused.passing:
                    raise
            await asyncio.sleep(_ASK_EVERY)

    async def ask(self, link: Link) -> None:
        """Ask once. Raises BusUnavailable, or CommandRefused."""
        generation, asked = link.generation, time.monotonic()
        replies = await link.everywhere(("TIME",))
        took = time.monotonic() - asked
        for reply in replies:
            if isinstance(reply, CommandError):
                raise CommandRefused(("TIME",), reply)
        times = [int(reply[0]) + int(reply[1]) / 1e6 for reply in replies]
        if times:
            self.note(took, max(times) - (asked + took / 2), generation)

    def note(self, took: float, ahead: float, generation: int = 0) -> None:
        """Take an answer; those of another server do not count any more."""
        if generation != self._generation:
            self._answers.clear()
            self._generation = generation
        self._answers.append(_Answer(took, ahead))
        self._ahead = min(self._answers).ahead
