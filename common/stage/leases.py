"""Which work items a worker is to open, and which it has lost: what it learns beside its turns.

Its tasks ask Redis and leave notes; only the turn takes these. A work item is noted once: not while
it is open or being opened, or it would be opened again after its end.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence

from common.errors import BusUnavailable
from common.redis.link import CommandRefused, Link
from common.settings import StageSettings
from common.stage.assignments import Assignments, Delivery
from common.stage.retries import Retries
from common.telemetry.metrics import StageMetrics

_ADOPT_MOST = 32
_BLOCK_S = 0.5
_FULL_S = 0.02
"""Seconds until a worker without a free slot looks again whether it has one."""


class Leases:
    """The work items of a worker with `most` slots; `opened` are the entries of those in its slots.

    `held_back` tells whether a work item has to wait for the circuit breaker, `stuck` whether the
    worker's turns have stopped. `noted` is called when there are new notes.
    """

    def __init__(
        self,
        assignments: Assignments,
        retries: Retries,
        settings: StageSettings,
        metrics: StageMetrics,
        *,
        most: int,
        opened: Collection[bytes],
        held_back: Callable[[bytes], bool],
        stuck: Callable[[], bool],
        noted: Callable[[], None],
    ) -> None:
        self._assignments = assignments
        self._retries = retries
        self._settings = settings
        self._metrics = metrics
        self._most = most
        self._opened = opened
        self._held_back = held_back
        self._stuck = stuck
        self._noted = noted
        self._adoptable: dict[bytes, Delivery] = {}
        self._in_hand: set[bytes] = set()
        self._lost: set[bytes] = set()
        self.closed = False
        """Whether no more are adopted."""

    @property
    def waiting(self) -> bool:
        """Whether there are work items to open."""
        return bool(self._adoptable)

    def lost(self) -> set[bytes]:
        """Return the entries that were found lost since the last call."""
        lost, self._lost = self._lost, set()
        return lost

    def take(self) -> list[Delivery]:
        """Return the work items to open; `settle` follows once they are opened or given up."""
        taken, self._adoptable = list(self._adoptable.values()), {}
        self._in_hand = {each.entry for each in taken}
        return taken

    def settle(self) -> None:
        """Take note that what was taken is open, given up or held back."""
        self._in_hand = set()

    def renote(self, deliveries: Sequence[Delivery]) -> None:
        """Let the turn open these, and nothing that was noted before."""
        self._adoptable = {}
        self.note(deliveries)

    def note(self, deliveries: Sequence[Delivery]) -> None:
        """Let the turn open work items, unless it has them already."""
        # Each renewal returns all owned work items, so it finds those that are held back.
        new = {
            each.entry: each
            for each in deliveries
            if each.entry not in self._opened
            and each.entry not in self._in_hand
            and not self._held_back(each.entry)
        }
        self._adoptable.update(new)
        if new:
            self._noted()

    async def renew(self) -> int:
        """Renew every lease; return how many there are. Raises what `Link.call` raises."""
        mine, strangers = await self._assignments.renew(known=self._opened)
        self._lost |= set(self._opened) - mine
        self.note(strangers)
        return len(mine)

    async def adopt_for_ever(self, reader: Link) -> None:
        """Adopt new work items, and take over those of dead owners; `reader` blocks.

        One task does both, so it alone uses up free slots.
        """
        loop = asyncio.get_running_loop()
        look = 0.0
        try:
            while True:
                try:
                    if self._free > 0 and loop.time() >= look and not self._stuck():
                        look = loop.time() + self._settings.heartbeat_s
                        await self._take_over()
                    if self._free > 0:
                        self.note(await self._adopt(reader))
                    else:
                        await asyncio.sleep(_FULL_S)
                except (BusUnavailable, CommandRefused) as trouble:
                    await self._retries.wait(reader, trouble)
        finally:
            await reader.close()

    async def _adopt(self, reader: Link) -> list[Delivery]:
        block = round(1000 * min(_BLOCK_S, self._settings.heartbeat_s))
        return await self._assignments.adopt(reader, min(self._free, _ADOPT_MOST), block)

    async def _take_over(self) -> None:
        adopted = await self._assignments.take_over(min(self._free, _ADOPT_MOST))
        strangers = [each for each in adopted if each.entry not in self._opened]
        self._metrics.takeovers.inc(len(strangers))
        self.note(strangers)

    @property
    def _free(self) -> int:
        taken = len(self._opened) + len(self._adoptable) + len(self._in_hand)
        return 0 if self.closed else max(0, self._most - taken)
