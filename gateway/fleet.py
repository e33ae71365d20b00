"""Which stages are alive, how loaded they are, and what Redis says of itself."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from common.bus import keys, wire
from common.bus.link import Command, CommandError, Link, Reply
from common.errors import AtCapacity, BusUnavailable, Unavailable
from gateway.busyness import Busyness
from gateway.capacity import Capacity, Look, Refusal, StageLook

LOOK_EVERY = 0.5
_DEAD_AFTER = 3.0
_FORGOTTEN_AFTER = 600.0
_USUAL = 4.0
"""Times of an idle engine's decode until an end is decoded, without there being any load to speak
of: one other decode may have just begun, and either may be of an utterance twice as long."""


@dataclass(slots=True)
class _Worker:
    sign: bytes
    seen: float
    body: wire.Body
    slots: int
    used: int

    @classmethod
    def read(cls, sign: bytes, now: float) -> Self:
        body = wire.unpack(sign)
        return cls(sign, now, body, body["slots"], body["used"])

    @property
    def late(self) -> float:
        """How much later than if it were idle a worker decodes the ends of utterances (s)."""
        if not self.vital("urgent"):
            return 0.0  # what it took once would keep the door shut, and nobody could show better
        decode = self.vital("decode")
        idle = self.vital("idle") or decode
        return max(0.0, self.vital("wait") + decode - _USUAL * idle)

    def vital(self, name: str) -> float:
        return float(self.body.get(name, 0.0))


@dataclass(slots=True)
class _Pool:
    workers: dict[bytes, _Worker] = field(default_factory=dict)
    unread: tuple[bytes, float] | None = None
    """The oldest claim that nobody has taken, and since when it has been known."""

    def fresh(self, now: float) -> list[_Worker]:
        return [w for w in self.workers.values() if now - w.seen < _DEAD_AFTER]

    def alive(self, now: float) -> list[_Worker]:
        return [w for w in self.fresh(now) if w.slots]

    def look(self, now: float) -> StageLook:
        alive = self.alive(now)
        decodes = [decode for w in alive if (decode := w.vital("decode"))]
        return StageLook(
            slots=sum(w.slots for w in alive),
            # What a draining worker still holds will want a place elsewhere.
            used=sum(w.used for w in self.fresh(now)),
            lag=max((w.vital("lag") for w in alive), default=0.0),
            backlog=now - self.unread[1] if self.unread else 0.0,
            places=[places for w in alive if (places := round(w.vital("places")))],
            decode=sum(decodes) / len(decodes) if decodes else 0.0,
            late=max((w.late for w in alive), default=0.0),
        )


class Fleet:
    """The live workers of the stages that this gateway depends on, and what they can carry.

    A worker is alive while its sign of life changes, by this process's clock: clocks of different
    machines are never compared. All but `look` and `run` answer at once, from the last look.
    """

    def __init__(self, link: Link, stages: Sequence[str], capacity: Capacity) -> None:
        self._link = link
        self._pools = {stage: _Pool() for stage in stages}
        self._capacity = capacity
        self._busyness = Busyness()
        self._work = 0.0
        self._audio = 0.0

    def missing(self, stages: Sequence[str]) -> list[str]:
        """Return which of these stages have no live worker."""
        now = time.monotonic()
        return [stage for stage in stages if not self._pools[stage].alive(now)]

    def refusal(self, legs: int, *, denoise: bool = False, name: object = None) -> Refusal | None:
        """See `Capacity.refusal`."""
        return self._capacity.refusal(legs, time.monotonic(), denoise=denoise, name=name)

    def count(self, name: object, legs: int, *, denoise: bool = False) -> None:
        """Count a call that was let in until its legs show in the signs of life."""
        self._capacity.admit(name, legs, time.monotonic(), denoise=denoise)

    def discount(self, name: object) -> None:
        """Forget a call that was let in and went away before it began."""
        self._capacity.withdraw(name)

    def admit(self, name: object, stages: Sequence[str], legs: int) -> None:
        """Count a call in; Unavailable when a stage is missing, AtCapacity without room."""
        for stage in self.missing(stages):
            raise Unavailable(f"no {stage} worker is running", stage=stage)
        denoise = "denoise" in stages
        refusal = self.refusal(legs, denoise=denoise, name=name)
        if refusal is not None:
            raise AtCapacity(refusal.text, reason=refusal.reason, retry_after=refusal.retry_after)
        self.count(name, legs, denoise=denoise)

    @property
    def flooded(self) -> bool:
        """See `Capacity.flooded`."""
        return self._capacity.flooded

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
        """Read all signs of life and claims, how full Redis is and how busy this process, once."""
        stages = list(self._pools)
        commands: list[Command] = [("HGETALL", keys.workers(stage)) for stage in stages]
        commands += [("XINFO", "GROUPS", keys.claims(stage)) for stage in stages]
        *replies, memory = await self._link.run([*commands, ("INFO", "memory")])
        now = time.monotonic()
        for stage, reply in zip(stages, replies, strict=False):
            if isinstance(reply, CommandError):  # loading, failing over: the next look will tell
                continue
            signs = dict(zip(reply[::2], reply[1::2], strict=True))
            forgotten = self._note(self._pools[stage], signs, now)
            if forgotten:
                await self._link.call("HDEL", keys.workers(stage), *forgotten)
        await self._look_for_unread(dict(zip(stages, replies[len(stages) :], strict=True)), now)
        looks = {stage: pool.look(now) for stage, pool in self._pools.items()}
        used = None if isinstance(memory, CommandError) else memory_used(memory)
        busy = self._busyness.share()
        self._capacity.observe(Look(looks, self._work, self._audio, used, busy), now)
        self._work = self._audio = 0.0

    async def run(self, flooded: Callable[[bool], None]) -> None:
        """Look again and again, for ever; `flooded` is told each time that property changes."""
        told = self.flooded
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.look()
            except BusUnavailable:
                await self._link.wait_connected()
            if self.flooded != told:
                told = self.flooded
                flooded(told)

    async def _look_for_unread(self, groups: dict[str, Reply], now: float) -> None:
        """Find each stage's oldest claim that no worker has taken."""
        behind = {}
        for stage, reply in groups.items():
            last = _undelivered_after(reply)
            if last is None:
                self._pools[stage].unread = None
            else:
                behind[stage] = last
        commands: list[Command] = [
            ("XRANGE", keys.claims(stage), b"(" + last, "+", "COUNT", 1)
            for stage, last in behind.items()
        ]
        for stage, reply in zip(behind, await self._link.run(commands), strict=True):
            pool = self._pools[stage]
            oldest = reply[0][0] if reply and not isinstance(reply, CommandError) else None
            if oldest is None:
                pool.unread = None
            elif pool.unread is None or pool.unread[0] != oldest:
                pool.unread = (oldest, now)

    def _note(self, pool: _Pool, signs: dict[bytes, bytes], now: float) -> list[bytes]:
        for name, sign in signs.items():
            worker = pool.workers.get(name)
            if worker is None or worker.sign != sign:
                try:
                    fresh = _Worker.read(sign, now)
                except (ValueError, LookupError):  # another release's: its worker does not count
                    continue
                pool.workers[name] = fresh
                if worker is not None:
                    self._work += max(0.0, fresh.vital("work") - worker.vital("work"))
                    self._audio += max(0.0, fresh.vital("audio") - worker.vital("audio"))
        forgotten = [n for n, w in pool.workers.items() if now - w.seen > _FORGOTTEN_AFTER]
        for name in [n for n in pool.workers if n not in signs or n in forgotten]:
            del pool.workers[name]
        return forgotten


def memory_used(info: bytes) -> float | None:
    """Return the share of maxmemory in use, from Redis's INFO; None where there is no limit."""
    lines = dict(line.split(b":", 1) for line in info.split() if b":" in line)
    most = int(lines[b"maxmemory"])
    if not most:
        return None
    return (int(lines[b"used_memory"]) - int(lines[b"mem_not_counted_for_evict"])) / most


def _undelivered_after(reply: Reply) -> bytes | None:
    """Return the id after which claims wait for a worker, from XINFO GROUPS; None if none do."""
    if isinstance(reply, CommandError) or not reply:
        return None  # no worker has ever been there, so there is no group either
    group = dict(zip(reply[0][::2], reply[0][1::2], strict=True))
    # After deletions Redis may not know how many are waiting, and old ones never do.
    last: bytes = group[b"last-delivered-id"]
    return None if group.get(b"lag") == 0 else last
