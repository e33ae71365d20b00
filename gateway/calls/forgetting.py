"""Removing what stages and doorbells have of erased calls, for many of them in one go."""

import asyncio
from collections.abc import Iterable, Set

from common.bus.erasing import forget, silence
from common.bus.keys import Leg
from common.pipeline.stages import PIPELINE
from common.redis.link import Link

ROUND_S = 1.0
"""Least seconds between two rounds: each writes all work items again, 40 ms of Redis's time for a
thousand."""


class Forgetting:
    """Forgets erased calls in rounds; who comes during a round shares the next one."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: dict[str, tuple[Set[Leg], Set[str]]] = {}
        self._alone = asyncio.Lock()
        self._due = 0.0

    async def forget(self, session: str, legs: Set[Leg], gateways: Set[str]) -> None:
        """Remove a call's work items, dead letters, and doorbells at these gateways.

        Waits while Redis is away.
        """
        loop = asyncio.get_running_loop()
        self._waiting[session] = (legs, gateways)
        async with self._alone:
            if session not in self._waiting:
                return  # another's round had room for it
            await asyncio.sleep(self._due - loop.time())
            waiting = dict(self._waiting)
            try:
                await self._link.evaluate(
                    forget([*waiting], PIPELINE),
                    then=silence(
                        {leg for each, _ in waiting.values() for leg in each},
                        {gateway for _, each in waiting.values() for gateway in each},
                        PIPELINE,
                    ),
                )
            except asyncio.CancelledError:  # the next round makes up for it
                raise
            except BaseException:
                self._drop(waiting)  # otherwise no later round would succeed either
                raise
            self._drop(waiting)
            self._due = loop.time() + ROUND_S

    def _drop(self, forgotten: Iterable[str]) -> None:
        for each in forgotten:
            del self._waiting[each]
