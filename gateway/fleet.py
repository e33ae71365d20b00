"""Which stages are alive and have room, as their workers' signs of life say."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from common.bus import keys, wire
from common.bus.link import CommandError, Link
from common.errors import AtCapacity, BusUnavailable, Unavailable

LOOK_EVERY = 0.5
_DEAD_AFTER = 3.0
_FORGOTTEN_AFTER = 600.0


@dataclass(slots=True)
class _Worker:
    sign: bytes
    seen: float
    slots: int = 0
    used: int = 0


@dataclass(slots=True)
class _Pool:
    workers: dict[bytes, _Worker] = field(default_factory=dict)

    def alive(self, now: float) -> list[_Worker]:
        return [w for w in self.workers.values() if now - w.seen < _DEAD_AFTER and w.slots]


class Fleet:
    """The live workers of the stages that this gateway depends on.

    A worker is alive while its sign of life changes, by this process's clock: clocks of different
    machines are never compared.
    """

    def __init__(self, link: Link, stages: Sequence[str]) -> None:
        self._link = link
        self._pools = {stage: _Pool() for stage in stages}

    def missing(self, stages: Sequence[str]) -> list[str]:
        """Return which of these stages have no live worker."""
        now = time.monotonic()
        return [stage for stage in stages if not self._pools[stage].alive(now)]

    def admit(self, stages: Sequence[str], legs: int) -> None:
        """Raise Unavailable when a stage is missing and AtCapacity when a per-leg stage is full."""
        for stage in self.missing(stages):
            raise Unavailable(f"no {stage} worker is running", stage=stage)
        now = time.monotonic()
        for stage in stages:
            workers = self._pools[stage].alive(now)
            free = sum(w.slots - w.used for w in workers)
            if stage != "asr" and free < legs:
                raise AtCapacity(
                    f"all {sum(w.slots for w in workers)} {stage} slots are taken",
                    reason=f"{stage}_slots",
                    retry_after=5.0,
                )

    def summary(self) -> dict[str, dict[str, int]]:
        """Return per stage how many workers live, their slots and how many are used."""
        now = time.monotonic()
        alive = {stage: pool.alive(now) for stage, pool in self._pools.items()}
        return {
            stage: {
                "workers": len(workers),
                "slots": sum(w.slots for w in workers),
                "used": sum(w.used for w in workers),
            }
            for stage, workers in alive.items()
        }

    async def look(self) -> None:
        """Read every stage's signs of life once."""
        stages = list(self._pools)
        replies = await self._link.run([("HGETALL", keys.workers(stage)) for stage in stages])
        now = time.monotonic()
        for stage, reply in zip(stages, replies, strict=True):
            if isinstance(reply, CommandError):  # loading, failing over: the next look will tell
                continue
            signs = dict(zip(reply[::2], reply[1::2], strict=True))
            forgotten = self._note(self._pools[stage], signs, now)
            if forgotten:
                await self._link.call("HDEL", keys.workers(stage), *forgotten)

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.look()
            except BusUnavailable:
                await self._link.wait_connected()

    @staticmethod
    def _note(pool: _Pool, signs: dict[bytes, bytes], now: float) -> list[bytes]:
        for name, sign in signs.items():
            worker = pool.workers.get(name)
            if worker is None or worker.sign != sign:
                body = wire.unpack(sign)
                pool.workers[name] = _Worker(sign, now, body["slots"], body["used"])
        forgotten = [n for n, w in pool.workers.items() if now - w.seen > _FORGOTTEN_AFTER]
        for name in [n for n in pool.workers if n not in signs or n in forgotten]:
            del pool.workers[name]
        return forgotten
