"""Which stages are alive, how loaded they are, and how full Redis is."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from common.bus import commands, keys
from common.bus.eviction import Eviction
from common.errors import AtCapacity, BusUnavailable, Unavailable
from common.pipeline.report import WORKER_REPORT, AsrLoad, VadLoad, WorkerReport
from common.pipeline.stages import ASR, REQUIRED, StageSpec
from common.redis.link import CommandError, Link, Reply
from common.redis.replies import pairs
from gateway.admission.capacity import Capacity, Look, Refusal, StageLook
from gateway.admission.cpu import CpuShare
from gateway.admission.evidence import Decodes

LOOK_EVERY = 0.5
_DEAD_AFTER = 3.0
_FORGOTTEN_AFTER = 600.0


_NO_DECODES = AsrLoad(places=0, occupied=0.0, work=0.0, ends=0, late=0, overdue=0, decode=0.0)
_NO_AUDIO = VadLoad(audio=0.0, recordings=0)


@dataclass(slots=True)
class _Done:
    """What workers did since the last look; `offered`: place-seconds they had for decodes."""

    audio: float = 0.0
    work: float = 0.0
    occupied: float = 0.0
    offered: float = 0.0
    ends: int = 0
    late: int = 0


@dataclass(slots=True)
class _Worker:
    packed: bytes
    seen: float
    report: WorkerReport

    @property
    def slots(self) -> int:
        return self.report.slots

    @property
    def used(self) -> int:
        return self.report.used

    @property
    def asr(self) -> AsrLoad:
        return self.report.load if isinstance(self.report.load, AsrLoad) else _NO_DECODES

    @property
    def vad(self) -> VadLoad:
        return self.report.load if isinstance(self.report.load, VadLoad) else _NO_AUDIO

    def count(self, before: Self, done: _Done) -> None:
        """Add what it did since its previous report.

        A restarted worker counts from 0 again; what it did before is counted already.
        """
        asr, was = self.asr, before.asr
        done.audio += max(0.0, self.vad.audio - before.vad.audio)
        done.work += max(0.0, asr.work - was.work)
        done.occupied += max(0.0, asr.occupied - was.occupied)
        done.offered += asr.places * (self.seen - before.seen)
        done.ends += max(0, asr.ends - was.ends)
        done.late += max(0, asr.late - was.late)


@dataclass(slots=True)
class _Pool:
    workers: dict[bytes, _Worker] = field(default_factory=dict)
    unread: tuple[bytes, float] | None = None
    """The oldest work item without an owner, and when it was first seen."""

    def fresh(self, now: float) -> list[_Worker]:
        return [w for w in self.workers.values() if now - w.seen < _DEAD_AFTER]

    def alive(self, now: float) -> list[_Worker]:
        return [w for w in self.fresh(now) if w.slots]

    def look(self, now: float) -> StageLook:
        alive = self.alive(now)
        decodes = [decode for w in alive if (decode := w.asr.decode)]
        return StageLook(
            slots=sum(w.slots for w in alive),
            # What a draining worker still owns will need a slot elsewhere.
            used=sum(w.used for w in self.fresh(now)),
            recordings=sum(w.vad.recordings for w in self.fresh(now)),
            quiet=sum(w.vad.quiet for w in self.fresh(now)),
            lag=max((w.report.lag for w in alive), default=0.0),
            backlog=now - self.unread[1] if self.unread else 0.0,
            places=[places for w in alive if (places := w.asr.places)],
            decode=sum(decodes) / len(decodes) if decodes else 0.0,
            legs=_proved(alive),
        )


def _proved(workers: Sequence[_Worker]) -> int:
    """Return the legs that the workers were proved to carry; 0 unless each reports it."""
    legs = [worker.asr.legs for worker in workers]
    return sum(legs) if all(legs) else 0


class Workers:
    """The live workers of the stages that this gateway depends on, and what they can carry.

    A worker is alive while its report changes, by this process's clock: clocks of different
    machines are never compared. All methods but `look` and `run` answer immediately, from the last
    look.
    """

    def __init__(self, link: Link, stages: Sequence[StageSpec], capacity: Capacity) -> None:
        self._link = link
        self._pools = {stage.name: _Pool() for stage in stages}
        self._capacity = capacity
        self._busyness = CpuShare()
        self._done = _Done()
        self._eviction = Eviction()
        self.memory = 0.0
        """Share of Redis's maxmemory in use at the last look; 0 where it has none. In a cluster it
        is that of the fullest node: what that one refuses holds up every worker."""

    def missing(self, stages: Sequence[StageSpec]) -> list[str]:
        """Return the names of the given stages that have no live worker."""
        now = time.monotonic()
        return [stage.name for stage in stages if not self._pools[stage.name].alive(now)]

    def seeing(self, stages: Sequence[StageSpec]) -> list[str]:
        """Return the names of the given stages with a worker that would hide nothing."""
        now = time.monotonic()
        return [
            stage.name
            for stage in stages
            if not all(worker.report.redacts for worker in self._pools[stage.name].fresh(now))
        ]

    def deaf_to_voices(self) -> bool:
        """Return whether a recogniser is running that tells no voices apart."""
        recognisers = self._pools[ASR.name].fresh(time.monotonic())
        return not all(worker.asr.voices for worker in recognisers)

    def refusal(
        self,
        legs: int,
        *,
        stages: Sequence[StageSpec] = REQUIRED,
        name: object = None,
        silent: int = 0,
    ) -> Refusal | None:
        """See `Capacity.refusal`."""
        now = time.monotonic()
        return self._capacity.refusal(legs, now, stages=stages, name=name, silent=silent)

    def reserve(self, name: object, legs: int, *, stages: Sequence[StageSpec] = REQUIRED) -> None:
        """Count an admitted call until its legs show in the workers' reports."""
        self._capacity.reserve(name, legs, time.monotonic(), stages=stages)

    def withdraw(self, name: object) -> None:
        """Forget an admitted call that went away before it began."""
        self._capacity.withdraw(name)

    def admit(self, name: object, stages: Sequence[StageSpec], legs: int) -> None:
        """Admit and count a call. Raises Unavailable without a stage, AtCapacity without room."""
        for stage in self.missing(stages):
            text = self._link.refusal or f"no {stage} worker is running"
            raise Unavailable(text, stage=stage)
        refusal = self.refusal(legs, stages=stages, name=name)
        if refusal is not None:
            raise AtCapacity(refusal.text, reason=refusal.reason, retry_after=refusal.retry_after)
        self.reserve(name, legs, stages=stages)

    @property
    def flooded(self) -> bool:
        """See `Capacity.flooded`."""
        return self._capacity.flooded

    @property
    def busy(self) -> float:
        """See `Capacity.busy`."""
        return self._capacity.busy

    def alive(self, stage: str) -> float:
        """Return how many workers of a stage live; NaN while Redis cannot have their heartbeats."""
        if not self._link.connected or self._link.refusal is not None:
            return math.nan
        return len(self._pools[stage].alive(time.monotonic()))

    def summary(self) -> dict[str, dict[str, int]]:
        """Return per stage how many workers live, their slots and how many are used.

        With `legs`, where the stage's workers were proved to carry a number of them.
        """
        now = time.monotonic()
        alive = {stage: pool.alive(now) for stage, pool in self._pools.items()}
        return {
            stage: {
                "workers": len(workers),
                "slots": sum(w.slots for w in workers),
                "used": sum(w.used for w in workers),
                **({"legs": legs} if (legs := _proved(workers)) else {}),
            }
            for stage, workers in alive.items()
        }

    async def look(self) -> None:
        """Read once all reports and work items, how full Redis is and how busy this process is."""
        stages = list(self._pools)
        questions = [commands.heartbeats(stage) for stage in stages]
        questions += [commands.groups(stage) for stage in stages]
        replies = await self._link.run(questions)
        memories = await self._link.everywhere(commands.memory())
        self._eviction.note(memories)
        now = time.monotonic()
        for stage, reply in zip(stages, replies, strict=False):
            if isinstance(reply, CommandError):  # loading, failing over: the next look will tell
                continue
            reports = dict(pairs(reply))
            forgotten = self._note(self._pools[stage], reports, now)
            if forgotten:
                # Refused, it is done at the next look.
                await self._link.run([commands.forget_workers(stage, *forgotten)])
        await self._look_for_unread(dict(zip(stages, replies[len(stages) :], strict=True)), now)
        looks, pools = {s: p.look(now) for s, p in self._pools.items()}, self._pools.values()
        shares = [memory_used(each) for each in memories if not isinstance(each, CommandError)]
        used = max((each for each in shares if each is not None), default=None)
        self.memory = used or 0.0
        busy = self._busyness.share()
        done, self._done = self._done, _Done()
        decodes = Decodes(
            occupied=done.occupied,
            offered=done.offered,
            ends=done.ends,
            late=done.late,
            overdue=sum(w.asr.overdue for p in pools for w in p.alive(now)),
        )
        self._capacity.observe(Look(looks, done.work, done.audio, decodes, used, busy), now)

    async def run(self, flooded: Callable[[bool], None]) -> None:
        """Look each `LOOK_EVERY` seconds, for ever; tell `flooded` when that property changes."""
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
        """Find each stage's oldest work item without an owner."""
        behind = {}
        for stage, reply in groups.items():
            last = _undelivered_after(reply)
            if last is None:
                self._pools[stage].unread = None
            else:
                behind[stage] = last
        questions = [
            commands.first_after(keys.work_items(stage), last) for stage, last in behind.items()
        ]
        for stage, reply in zip(behind, await self._link.run(questions), strict=True):
            pool = self._pools[stage]
            oldest = reply[0][0] if reply and not isinstance(reply, CommandError) else None
            if oldest is None:
                pool.unread = None
            elif pool.unread is None or pool.unread[0] != oldest:
                pool.unread = (oldest, now)

    def _note(self, pool: _Pool, reports: dict[bytes, bytes], now: float) -> list[bytes]:
        for name, packed in reports.items():
            worker = pool.workers.get(name)
            if worker is None or worker.packed != packed:
                try:
                    fresh = _Worker(packed, now, WORKER_REPORT.unpack(packed))
                except ValueError:  # another release's: its worker does not count
                    continue
                pool.workers[name] = fresh
                if worker is not None:
                    fresh.count(worker, self._done)
        for name in [n for n in pool.workers if n not in reports]:
            del pool.workers[name]
        return [n for n, w in pool.workers.items() if now - w.seen > _FORGOTTEN_AFTER]


def memory_used(info: bytes) -> float | None:
    """Return the share of maxmemory in use, from Redis's INFO; None where there is no limit."""
    lines = dict(line.split(b":", 1) for line in info.split() if b":" in line)
    most = int(lines[b"maxmemory"])
    if not most:
        return None
    return (int(lines[b"used_memory"]) - int(lines[b"mem_not_counted_for_evict"])) / most


def _undelivered_after(reply: Reply) -> bytes | None:
    """Return the id after which work items wait, by XINFO GROUPS; None if none do."""
    if isinstance(reply, CommandError) or not reply:
        return None  # no worker has ever been there, so there is no group either
    group = dict(pairs(reply[0]))
    # After deletions Redis may not know how many are waiting; old versions never do.
    last: bytes = group[b"last-delivered-id"]
    return None if group.get(b"lag") == 0 else last
