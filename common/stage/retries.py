"""What becomes of a command that Redis did not carry out: a retry, or the worker's end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from common.errors import BusUnavailable
from common.redis.link import CommandRefused, Link
from common.stage.assignments import Assignments
from common.telemetry.logs import Log

T = TypeVar("T")

_log = Log(__name__)


class Retries:
    """Says when a worker may try again. `link` and `pause` in seconds are those of its renewals."""

    def __init__(self, link: Link, assignments: Assignments, pause: float) -> None:
        self._link = link
        self._assignments = assignments
        self._pause = pause

    async def wait(self, link: Link, trouble: BusUnavailable | CommandRefused) -> None:
        """Wait until a command of `link` may be tried again; make a lost consumer group again.

        Raises a refusal that is not temporary.
        """
        if isinstance(trouble, BusUnavailable):
            await link.wait_connected()
            return
        lost = "NOGROUP" in str(trouble)
        if not lost and not trouble.passing:
            raise trouble
        await asyncio.sleep(self._pause)
        if lost:
            # Redis came back without its data.
            _log.warning("work_item.group_lost", reason=str(trouble))
            try:
                await self._assignments.prepare()
            except (BusUnavailable, CommandRefused) as again:
                await self.wait(self._link, again)

    async def insist(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do something that may be repeated until Redis carries it out."""
        while True:
            try:
                return await act()
            except (BusUnavailable, CommandRefused) as trouble:
                await self.wait(self._link, trouble)
