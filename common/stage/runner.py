"""The loop every stage worker runs: adopt, read, step, publish, checkpoint, renew, drain.

One task runs the turns: it alone touches the slots' states, so a stage needs no locks. Tasks beside
it adopt new work items, renew the leases, and listen to the doorbells; they only leave notes for
the next turn. While Redis is away the turn waits. Nothing is dropped: positions say where to
continue.

A turn costs one round trip where nothing is published, two where something is: while it reads,
Redis carries out the effects of the step before, opens new work items, and is told checkpoints. A
step waits until the effects of the one before are carried out.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Generic, TypeVar

from common.bus import commands, doorbells, keys
from common.bus.clock import Clock
from common.bus.keys import Leg
from common.bus.releases import RELEASE
from common.errors import BusUnavailable, NotPermitted
from common.pipeline.record import pack
from common.pipeline.report import WorkerReport
from common.redis.link import CommandRefused, Link
from common.settings import StageSettings
from common.stage.adoption import Broken, adopt, broken
from common.stage.api import Done, Effect, Entry, Slot, Stage
from common.stage.assignments import Assignments
from common.stage.breaker import Breaker
from common.stage.carrying import Carried, Carrying
from common.stage.lag import Lag, newest
from common.stage.leases import Leases
from common.stage.passes import Passes
from common.stage.portion import Portion
from common.stage.publisher import Publisher
from common.stage.reader import News, read
from common.stage.retries import Retries
from common.stage.upkeep import Upkeep
from common.telemetry.endpoint import Freshness
from common.telemetry.logs import Log
from common.telemetry.metrics import StageMetrics

S = TypeVar("S")


_STUCK_AFTER = 10.0
_MOST_IDLE = 1.0
"""Seconds between two turns of a worker without work items, at most: far below `_STUCK_AFTER`."""
_MOMENT = 0.004

_log = Log(__name__)


class Runner(Generic[S]):
    """Runs one stage in one process, owning at most `slots` work items."""

    def __init__(
        self,
        stage: Stage[S, Any],
        settings: StageSettings,
        *,
        slots: int,
        consumer: str,
        metrics: StageMetrics,
        dial: Callable[[str], Awaitable[Link]],
    ) -> None:
        self._stage = stage
        self._settings = settings
        self._most = slots
        self._consumer = consumer
        self._metrics = metrics
        self._dial = dial
        self._slots: dict[bytes, Slot[S]] = {}
        self._reopened: dict[bytes, int] = {}
        self._notified: set[Leg] = set()
        self._woken: set[bytes] = set()
        self._alarm = asyncio.Event()
        self._draining = False
        self._empty = asyncio.Event()
        self._portion = Portion(settings.lease_s / 5)
        self._turning = Freshness(_STUCK_AFTER)
        self._pace = Freshness(settings.lease_s)
        self._clock = Clock()
        self._lag = Lag()
        self._opening: asyncio.Task[bool] | None = None
        self._ready = False

    def live(self) -> str | None:
        """Tell why this worker should be restarted, or None; a Redis away or full is no reason."""
        if not self._ready or not self._link.connected or self._link.refusal is not None:
            return None
        return self._turning.check()

    def ready(self) -> str | None:
        """Tell why this worker cannot take work items, or None."""
        if not self._ready:
            return "starting"
        if self._draining:
            return "draining"
        return None if self._link.connected else "Redis is away"

    async def start(self) -> None:
        """Connect and load the engine. Raises BusUnavailable, or what the engine raises."""
        self._link = await self._dial("work")
        self._adopting = await self._dial("adopt")
        self._hearing = await self._dial("listen") if self._stage.spec.woken else None
        self._assignments = Assignments(
            self._link, self._stage.spec.name, self._consumer, self._settings.lease_s
        )
        self._retries = Retries(self._link, self._assignments, self._settings.heartbeat_s)
        self._publisher: Publisher[S] = Publisher(
            self._link, self._stage.spec.name, self._consumer, self._clock
        )
        self._breaker = Breaker(self._link, self._stage.spec.name, self._metrics)
        self._leases = Leases(
            self._assignments,
            self._retries,
            self._settings,
            self._metrics,
            most=self._most,
            opened=self._slots.keys(),
            held_back=lambda entry: self._breaker.holds(entry, _now()),
            stuck=lambda: self._pace.check() is not None,
            noted=self._alarm.set,
        )
        self._carrying = Carrying(
            self._publisher, self._assignments, lambda: self._lag.handled(self._clock.now())
        )
        self._upkeep = Upkeep(self._link, self._stage, self._assignments, self._publisher)
        await self._retries.insist(self._assignments.prepare)
        await self._retries.insist(partial(self._clock.ask, self._link))
        await self._stage.start()
        self._metrics.slots.set(self._most)
        await self._retries.insist(self._renew)
        self._ready = True
        _log.info("worker.ready", consumer=self._consumer, slots=self._most)

    def services(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Return the coroutines that make up the running worker, by name."""
        services: dict[str, Coroutine[Any, Any, None]] = {
            "turn": self._turn_for_ever(),
            "adopt": self._leases.adopt_for_ever(self._adopting),
            "renew": self._renew_for_ever(),
            "clock": self._clock.keep(self._link),
            "watch": self._stage.watch(),
        }
        if self._hearing is not None:
            services["listen"] = self._listen_for_ever(self._hearing)
        return services

    async def drain(self) -> None:
        """Adopt no more work items; finish the owned ones, or leave them ready to hand over."""
        self._draining = self._leases.closed = True
        self._alarm.set()
        await self._empty.wait()

    async def stop(self) -> None:
        """Hand over the work items that are still owned, close engine and connection."""
        try:
            # Ask Redis instead of trusting local state: it also knows work items that are adopted
            # but not opened yet, and no longer lists work items that were lost.
            mine, _ = await self._assignments.renew(known=self._slots)
            await self._assignments.hand_over(list(mine))
            await self._link.call(*commands.forget_workers(self._stage.spec.name, self._consumer))
        except (BusUnavailable, CommandRefused, NotPermitted) as trouble:
            _log.warning("worker.handover_failed", work_items=len(self._slots), reason=str(trouble))
        await self._stage.stop()
        await self._link.close()

    # The tasks beside the turns: they use Redis and leave notes.

    async def _renew_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.heartbeat_s)
            # A stuck engine must not keep its work items: no renewal without a turn.
            if self._pace.check() is not None:
                continue
            try:
                await self._renew()
            except (BusUnavailable, CommandRefused) as trouble:
                await self._retries.wait(self._link, trouble)

    async def _renew(self) -> None:
        owned = await self._leases.renew()
        lag = self._lag.worst(self._clock.now())
        report = WorkerReport(
            at=time.time(),
            slots=0 if self._draining else self._most,
            used=owned,
            lag=lag,
            release=RELEASE,
            redacts=True,
            load=self._stage.load(),
        )
        worker = (self._stage.spec.name, self._consumer)
        await self._link.call(*commands.heartbeat(*worker, pack(report)))
        self._metrics.legs_owned.set(len(self._slots))
        self._metrics.lag.set(lag)

    async def _listen_for_ever(self, reader: Link) -> None:
        try:
            streams = [keys.doorbell(self._stage.spec.name, n) for n in range(keys.DOORBELLS)]
            async for entries in doorbells.heard(reader, streams):
                names = (name for _, fields in entries for name in fields[::2])
                self._notified.update(Leg.parse(name.decode()) for name in names)
                self._alarm.set()
        finally:
            await reader.close()

    def _wake(self, entry: bytes) -> None:
        if entry in self._slots:
            self._woken.add(entry)
            self._alarm.set()

    # The turns: the only task that touches slots.

    async def _turn_for_ever(self) -> None:
        passes = Passes(min(self._settings.heartbeat_s, _MOST_IDLE), _now())
        more = False
        try:
            while True:
                everything = more or passes.is_due(_now())
                more = await self._turn(everything=everything)
                self._turning.beat()
                self._pace.beat()
                if everything:
                    passes.done(_now(), self._stage.tick, len(self._slots))
                if self._draining:
                    await self._finish_step()
                    if not (self._slots and self._stage.spec.finishes):
                        self._empty.set()
                if not more:
                    await self._sleep_until(passes.due)
        finally:
            self._upkeep.stop()
            self._carrying.stop()
            if self._opening is not None:
                self._opening.cancel()

    async def _sleep_until(self, due: float) -> None:
        if self._stage.spec.woken:
            # Collect notifications for a moment: a pass over fifty costs about as much as one.
            await asyncio.sleep(min(_MOMENT, self._stage.tick))
        with suppress(TimeoutError):
            async with asyncio.timeout_at(due):
                await self._alarm.wait()
        self._alarm.clear()

    async def _turn(self, *, everything: bool) -> bool:
        """Do one round; return whether the next is to follow immediately."""
        if self._publisher.generation != self._link.generation:
            await self._reopen()
        notified, self._notified = self._notified, set()
        woken, self._woken = self._woken, set()
        chosen = [
            slot
            for slot in self._slots.values()
            if not slot.full and (everything or slot.is_due(notified, woken))
        ]
        if self._leases.waiting:
            self._opening = asyncio.create_task(self._open(), name="open")
        news = await read(self._link, chosen, self._portion.entries)
        opened = self._opening is not None and await self._opening
        self._opening = None
        await self._finish_step()
        # After that: what a step has just released is done, not lost.
        for entry in self._leases.lost() & self._slots.keys():
            self._forget(self._slots[entry], "lost")
        if everything:
            for slot, why in self._upkeep.attend(self._slots.values(), _now()):
                self._forget(slot, why)
            self._breaker.attend(_now())
        await self._step(self._due(news, woken), more=news.more)
        if unreadable := [each for each in news.unreadable if self._owns(each[0])]:
            await self._give_up([broken(slot, error) for slot, error in unreadable])
        return news.more or opened

    def _due(self, news: News[S], woken: set[bytes]) -> list[tuple[Slot[S], list[Entry]]]:
        """Return what is due for a step: new entries, or none for those that ask for it."""
        found = [(slot, entries) for slot, entries in news.entries if self._owns(slot)]
        woken = woken & self._slots.keys() - {slot.assignment.entry for slot, _ in found}
        return found + [(self._slots[entry], []) for entry in woken]

    async def _open(self) -> bool:
        """Open the work items that are noted; return whether there are any."""
        slots, hopeless = await adopt(
            self._link, self._stage, self._leases.take(), self._consumer, self._reopened, self._wake
        )
        if hopeless:
            await self._give_up(hopeless)
        if self._stage.spec.finishes:
            slots = await self._hold_candidates_back(slots)
        for slot in slots:
            slot.since = self._clock.now() or 0.0
            self._upkeep.begin(slot, _now())
            self._slots[slot.assignment.entry] = slot
            self._woken.add(slot.assignment.entry)
            item = slot.assignment
            self._metrics.queue_wait.observe(max(0.0, time.time() - item.work.offered))
            _log.debug("work_item.adopted", work_item=item.key, epoch=item.epoch)
        self._leases.settle()
        return bool(slots)

    async def _reopen(self) -> None:
        """Open every work item again from the data in Redis, which may have lost writes."""
        await self._finish_step()
        await self._upkeep.settle()
        self._publisher.generation = self._link.generation
        self._reopened = {at: s.assignment.reopened + 1 for at, s in self._slots.items()}
        for slot in list(self._slots.values()):
            self._forget(slot, "reopened")
        _, new = await self._retries.insist(lambda: self._assignments.renew(known=()))
        self._leases.renote(new)

    async def _give_up(self, broken: Sequence[Broken]) -> None:
        """Dead-letter work items that no worker can handle, if they are still this one's."""
        mine, _ = await self._retries.insist(lambda: self._assignments.renew(known=self._slots))
        work: list[tuple[Slot[Any], Sequence[Effect]]] = [
            (slot, [letter, *self._stage.give_up(slot.assignment), Done()])
            for slot, letter in broken
            if slot.assignment.entry in mine
        ]
        self._learn(await self._carrying.carry_out(work))

    async def _hold_candidates_back(self, slots: list[Slot[S]]) -> list[Slot[S]]:
        """Hold poison candidates back while the breaker is open; return the others."""
        candidates = {slot for slot in slots if slot.assignment.candidate}
        if not candidates or not await self._breaker.is_open():
            return slots
        for slot in candidates:
            self._stage.close(slot.state)
            self._breaker.hold_back(slot.assignment, _now())
        return [slot for slot in slots if slot not in candidates]

    async def _step(self, news: Sequence[tuple[Slot[S], list[Entry]]], *, more: bool) -> None:
        if not news:
            return
        self._metrics.batch_size.observe(len(news))
        came = {slot: newest(entries, slot.since) for slot, entries in news}
        for slot, moment in came.items():
            slot.timed = moment is not None
        self._lag.took(moment for moment in came.values() if moment is not None)
        started = time.perf_counter()
        outcomes = await self._stage.step([(slot.state, entries) for slot, entries in news])
        took = time.perf_counter() - started
        self._portion.note(took, more=more)
        self._metrics.step.observe(took)
        work: list[tuple[Slot[S], Sequence[Effect]]] = []
        hopeless: list[Broken] = []
        for (slot, _), each in zip(news, outcomes, strict=True):
            if isinstance(each, Exception):
                hopeless.append(broken(slot, each))
            elif each:
                work.append((slot, each))
            slot.full = self._stage.full(slot.state)
        self._upkeep.note(news)
        if work:
            self._carrying.begin(work)
        else:
            self._lag.handled(self._clock.now())
        if hopeless:
            await self._give_up(hopeless)

    async def _finish_step(self) -> None:
        """Wait until the effects of the last step are carried out."""
        if (carried := await self._carrying.finish()) is not None:
            self._learn(carried)

    def _learn(self, carried: Carried[S]) -> None:
        """Drop the slots that are done, lost or held back."""
        for slot in carried.fenced:
            self._forget(slot, "fenced")
        for slot in carried.held_back:
            self._forget(slot, "breaker open")
            self._breaker.hold_back(slot.assignment, _now())
        for slot, letter in carried.letters:
            self._metrics.dead_letters.inc()
            key = slot.assignment.key
            _log.error("dead_letter.written", work_item=key, reason=letter.reason)
        for slot in carried.done:
            self._forget(slot, "done")

    def _owns(self, slot: Slot[S]) -> bool:
        return self._slots.get(slot.assignment.entry) is slot

    def _forget(self, slot: Slot[S], why: str) -> None:
        if not self._owns(slot):
            return
        del self._slots[slot.assignment.entry]
        self._woken.discard(slot.assignment.entry)
        self._stage.close(slot.state)
        if why != "done":
            _log.warning("work_item.dropped", work_item=slot.assignment.key, reason=why)


def _now() -> float:
    return asyncio.get_running_loop().time()
