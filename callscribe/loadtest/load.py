"""Keeping a number of calls up: lines that dial in turn, and again when their call ends."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from callscribe.client.errors import Refused
from callscribe.loadtest.caller import Callers
from callscribe.loadtest.pacing import Pacer
from callscribe.loadtest.plan import LEAST_CALL_S, Loop, draw_length, plan_call
from callscribe.loadtest.tally import Tally
from common.errors import CallscribeError

_REDIAL_S = 1.0
"""Seconds until a line that could not reach the server tries again."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How many calls, for how long; times in seconds."""

    sessions: int
    duration: float
    """After it no call begins, and open calls end in their next pause."""
    ramp: float
    """Over which the first calls begin, evenly spread."""
    call_length: float = 0.0
    """Mean length of a call; 0: calls last as long as the load."""


class Load:
    """The lines, and what stops them early."""

    def __init__(
        self,
        shape: Shape,
        loop: Loop,
        callers: Callers,
        pacer: Pacer,
        tally: Tally,
        clock: Callable[[], float],
    ) -> None:
        self._shape = shape
        self._loop = loop
        self._callers = callers
        self._pacer = pacer
        self._tally = tally
        self._clock = clock
        self._random = random.Random(0)
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Begin no more calls, and end the open ones now."""
        self._stopped.set()
        self._pacer.stop()

    async def run(self) -> None:
        """Keep the calls up for the duration and wait for their ends.

        Raises the error of the first call if calls are impossible, not just refused.
        """
        step = self._shape.ramp / self._shape.sessions
        try:
            async with asyncio.TaskGroup() as both:
                pacing = both.create_task(self._pacer.run())
                async with asyncio.TaskGroup() as lines:
                    for number in range(self._shape.sessions):
                        lines.create_task(self._line(number * step))
                pacing.cancel()
        except ExceptionGroup as group:
            raise _first(group) from None

    async def _line(self, after: float) -> None:
        """Dial after `after` seconds, and again whenever a call has ended."""
        await self._pause(after)
        while (left := self._shape.duration - self._clock()) >= LEAST_CALL_S:
            if self._stopped.is_set():
                return
            mean = self._shape.call_length
            length = min(left, draw_length(mean, self._random)) if mean else left
            try:
                if not await self._callers.call(plan_call(self._loop, length, self._random)):
                    await self._pause(_REDIAL_S)
            except Refused as refused:
                await self._pause(min(left, max(_REDIAL_S, refused.retry_after)))
            except CallscribeError:
                if not self._tally.accepted and not self._tally.refused:
                    raise
                await self._pause(_REDIAL_S)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()


def _first(group: ExceptionGroup[Exception]) -> Exception:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
