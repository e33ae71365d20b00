"""A gateway's own heartbeat, and the processes of other wire versions that it must ignore."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from common.bus import commands, keys
from common.bus.releases import RELEASE, Stranger, Strangers, told
from common.errors import BusUnavailable
from common.pipeline.record import WIRE_VERSION, pack
from common.pipeline.report import WorkerReport
from common.redis.link import Link
from common.redis.replies import pairs

_EVERY = 1.0
_FORGOTTEN_AFTER = 600.0
"""Seconds without a change after which a gateway's last heartbeat is removed by the others."""


class Presence:
    """Reports this gateway, called `name`, as workers report themselves.

    `slots`: calls that it would carry, 0 while it drains; `used`: calls that it carries. While
    `lacking` is true, so that no call can be taken, it looks for strangers.
    """

    def __init__(
        self,
        link: Link,
        name: str,
        *,
        slots: Callable[[], int],
        used: Callable[[], int],
        lacking: Callable[[], bool],
    ) -> None:
        self._link = link
        self._name = name
        self._slots = slots
        self._used = used
        self._lacking = lacking
        self._strangers = Strangers(link)
        self._ignored: Sequence[Stranger] = ()
        self._seen: dict[bytes, tuple[bytes, float]] = {}

    @property
    def ignored(self) -> str | None:
        """The strangers that were alive at the last look, as a phrase; None without any."""
        if not self._ignored:
            return None
        return f"{told(self._ignored)} ignored: this gateway has wire version {WIRE_VERSION}"

    async def tell(self) -> None:
        """Report once; remove what gateways left that died long ago. Waits for Redis."""
        report = WorkerReport(
            at=time.time(), slots=self._slots(), used=self._used(), lag=0.0, release=RELEASE
        )
        _, reply = await self._link.insist(
            [
                commands.heartbeat(keys.GATEWAY, self._name, pack(report)),
                commands.heartbeats(keys.GATEWAY),
            ]
        )
        if isinstance(reply, list) and (gone := self._gone(reply, time.monotonic())):
            await self._link.insist([commands.forget_workers(keys.GATEWAY, *gone)])

    async def run(self) -> None:
        """Report each second, for ever."""
        while True:
            await self.tell()
            with suppress(BusUnavailable):
                self._ignored = await self._strangers.look() if self._lacking() else ()
            await asyncio.sleep(_EVERY)

    async def leave(self) -> None:
        """Take this gateway off the list."""
        with suppress(BusUnavailable):
            await self._link.run([commands.forget_workers(keys.GATEWAY, self._name)])

    def _gone(self, reports: Sequence[bytes], now: float) -> list[bytes]:
        before, self._seen = self._seen, {}
        for name, report in pairs(reports):
            seen = before.get(name)
            self._seen[name] = seen if seen and seen[0] == report else (report, now)
        return [n for n, (_, since) in self._seen.items() if now - since > _FORGOTTEN_AFTER]
