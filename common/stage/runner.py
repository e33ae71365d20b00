"""The loop every stage worker runs: adopt, read, step, publish, checkpoint, renew, drain.

One task runs the turns: it alone touches the slots' states, so a stage needs no locks. Three tasks
beside it adopt new work items, renew the leases, and listen to the doorbells; they only leave notes
for the next turn. While Redis is away the turn waits. Nothing is dropped: positions say where to
continue.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from common.bus import commands, doorbells, keys
from common.bus.keys import Leg
from common.bus.releases import RELEASE
from common.errors import BusUnavailable, NotPermitted, OtherServer
from common.pipeline.record import pack
from common.pipeline.report import WorkerReport
from common.redis.link import CommandRefused, Link
from common.settings import StageSettings
from common.stage.adoption import Broken, adopt, broken
from common.stage.api import DeadLetter, Done, Effect, Entry, Slot, Stage
from common.stage.assignments import Assignments, Delivery
from common.stage.breaker import Breaker
from common.stage.lag import Lag
from common.stage.passes import Passes
from common.stage.portion import Portion
from common.stage.publisher import Publisher
from common.stage.reader import read
from common.stage.retries import Retries
from common.stage.upkeep import Upkeep
from common.telemetry.endpoint import Freshness
from common.telemetry.logs import Log
from common.telemetry.metrics import StageMetrics

S = TypeVar("S")

_STUCK_AFTER = 10.0
_MOST_IDLE = 1.0
"""Seconds between two turns of a worker without work items, at most: far below `_STUCK_AFTER`."""
_ADOPT_MOST = 32
_BLOCK_MS = 500
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
        self._adoptable: dict[bytes, Delivery] = {}
        self._lost: set[bytes] = set()
        self._reopened: dict[bytes, int] = {}
        self._notified: set[Leg] = set()
        self._woken: set[bytes] = set()
        self._alarm = asyncio.Event()
        self._draining = False
        self._empty = asyncio.Event()
        self._portion = Portion(settings.lease_s / 5)
        self._turning = Freshness(_STUCK_AFTER)
        self._pace = Freshness(settings.lease_s)
        self._lag = Lag()
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
        self._publisher: Publisher[S] = Publisher(self._link, self._stage.spec.name, self._consumer)
        self._breaker = Breaker(self._link, self._stage.spec.name, self._metrics)
        self._upkeep = Upkeep(self._link, self._stage, self._assignments, self._publisher)
        await self._retries.insist(self._assignments.prepare)
        await self._stage.start()
        self._metrics.slots.set(self._most)
        await self._retries.insist(self._renew)
        self._ready = True
        _log.info("worker.ready", consumer=self._consumer, slots=self._most)

    def services(self) -> dict[str, Coroutine[Any, Any, None]]:
        """Return the coroutines that make up the running worker, by name."""
        services: dict[str, Coroutine[Any, Any, None]] = {
            "turn": self._turn_for_ever(),
            "adopt": self._adopt_for_ever(self._adopting),
            "renew": self._renew_for_ever(),
            "watch": self._stage.watch(),
        }
        if self._hearing is not None:
            services["listen"] = self._listen_for_ever(self._hearing)
        return services

    async def drain(self) -> None:
        """Adopt no more work items; finish the owned ones, or leave them ready to hand over."""
        self._draining = True
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

    async def _adopt_for_ever(self, reader: Link) -> None:
        try:
            while True:
                free = self._most - len(self._slots) - len(self._adoptable)
                if free <= 0 or self._draining:
                    await asyncio.sleep(self._stage.tick)
                    continue
                try:
                    new = await self._assignments.adopt(reader, min(free, _ADOPT_MOST), _BLOCK_MS)
                except (BusUnavailable, CommandRefused) as trouble:
                    await self._retries.wait(reader, trouble)
                    continue
                self._note(new)
        finally:
            await reader.close()

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
        mine, strangers = await self._assignments.renew(known=self._slots)
        self._lost |= self._slots.keys() - mine
        self._note(strangers)
        free = self._most - len(self._slots) - len(self._adoptable)
        if free > 0 and not self._draining:
            adopted = await self._assignments.take_over(min(free, _ADOPT_MOST))
            strangers = [h for h in adopted if h.entry not in self._slots]
            self._metrics.takeovers.inc(len(strangers))
            self._note(strangers)
        lag = self._lag.worst(time.monotonic())
        report = WorkerReport(
            at=time.time(),
            slots=0 if self._draining else self._most,
            used=len(mine),
            lag=lag,
            release=RELEASE,
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

    def _note(self, new: Sequence[Delivery]) -> None:
        now = asyncio.get_running_loop().time()
        # Each renewal returns all owned work items, so it finds those that the breaker holds back.
        free = [h for h in new if not self._breaker.holds(h.entry, now)]
        self._adoptable.update((h.entry, h) for h in free)
        if free:
            self._alarm.set()

    def _wake(self, entry: bytes) -> None:
        if entry in self._slots:
            self._woken.add(entry)
            self._alarm.set()

    # The turns: the only task that touches slots.

    async def _turn_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        passes = Passes(min(self._settings.heartbeat_s, _MOST_IDLE), loop.time())
        more = False
        while True:
            everything = more or passes.is_due(loop.time())
            more = await self._turn(everything=everything)
            self._turning.beat()
            self._pace.beat()
            if everything:
                passes.done(loop.time(), self._stage.tick, len(self._slots))
            if self._draining and self._drained():
                self._empty.set()
            if not more:
                await self._sleep_until(passes.due)

    async def _sleep_until(self, due: float) -> None:
        if self._stage.spec.woken:
            # Collect notifications for a moment: a pass over fifty costs about as much as one.
            await asyncio.sleep(min(_MOMENT, self._stage.tick))
        try:
            async with asyncio.timeout_at(due):
                await self._alarm.wait()
        except TimeoutError:
            pass
        self._alarm.clear()

    async def _turn(self, *, everything: bool) -> bool:
        """Do one round; return whether more is waiting to be read."""
        if self._publisher.generation != self._link.generation:
            await self._reopen()
        await self._apply_notes()
        if self._slots and everything:
            self._lag.passed(time.monotonic())
        notified, self._notified = self._notified, set()
        woken, self._woken = self._woken, set()
        chosen = [
            slot
            for slot in self._slots.values()
            if not slot.full and (everything or slot.assignment.leg in notified)
        ]
        news: list[tuple[Slot[S], list[Entry]]] = []
        more = False
        if chosen:
            news, more, unreadable = await read(self._link, chosen, self._portion.entries)
            if unreadable:
                await self._give_up([broken(slot, error) for slot, error in unreadable])
        woken -= {slot.assignment.entry for slot, _ in news}
        news += [(self._slots[entry], []) for entry in self._slots.keys() & woken]
        if news:
            await self._step(news)
        if everything:
            now = asyncio.get_running_loop().time()
            for slot, why in await self._upkeep.attend(self._slots.values(), now):
                self._forget(slot, why)
            self._breaker.attend(now)
        if not self._slots:
            # The next turn may be as far away as the next work item.
            self._lag.idle()
        return more

    async def _apply_notes(self) -> None:
        lost, self._lost = self._lost, set()
        for entry in lost & self._slots.keys():
            self._forget(self._slots[entry], "lost")
        if not self._adoptable:
            return
        new = [h for entry, h in self._adoptable.items() if entry not in self._slots]
        slots, hopeless = await adopt(
            self._link, self._stage, new, self._consumer, self._reopened, self._wake
        )
        self._adoptable = {k: h for k, h in self._adoptable.items() if h not in new}
        if hopeless:
            await self._give_up(hopeless)
        if self._stage.spec.finishes:
            slots = await self._hold_candidates_back(slots)
        now = asyncio.get_running_loop().time()
        for slot in slots:
            self._upkeep.begin(slot, now)
            self._slots[slot.assignment.entry] = slot
            self._woken.add(slot.assignment.entry)
            item = slot.assignment
            self._metrics.queue_wait.observe(max(0.0, time.time() - item.work.offered))
            _log.debug("work_item.adopted", work_item=item.key, epoch=item.epoch)

    async def _reopen(self) -> None:
        """Open every work item again from the data in Redis, which may have lost writes."""
        self._publisher.generation = self._link.generation
        self._reopened = {at: s.assignment.reopened + 1 for at, s in self._slots.items()}
        for slot in list(self._slots.values()):
            self._forget(slot, "reopened")
        _, new = await self._retries.insist(lambda: self._assignments.renew(known=()))
        self._adoptable = {}
        self._note(new)

    async def _give_up(self, broken: Sequence[Broken]) -> None:
        """Dead-letter work items that no worker can handle, if they are still this one's."""
        mine, _ = await self._retries.insist(lambda: self._assignments.renew(known=self._slots))
        work: list[tuple[Slot[Any], Sequence[Effect]]] = [
            (slot, [letter, *self._stage.give_up(slot.assignment), Done()])
            for slot, letter in broken
            if slot.assignment.entry in mine
        ]
        await self._publish(work)

    async def _hold_candidates_back(self, slots: list[Slot[S]]) -> list[Slot[S]]:
        """Hold poison candidates back while the breaker is open; return the others."""
        candidates = {slot for slot in slots if slot.assignment.candidate}
        if not candidates or not await self._breaker.is_open():
            return slots
        now = asyncio.get_running_loop().time()
        for slot in candidates:
            self._stage.close(slot.state)
            self._breaker.hold_back(slot.assignment, now)
        return [slot for slot in slots if slot not in candidates]

    async def _step(self, news: Sequence[tuple[Slot[S], list[Entry]]]) -> None:
        self._metrics.batch_size.observe(len(news))
        started = time.perf_counter()
        outcomes = await self._stage.step([(slot.state, entries) for slot, entries in news])
        took = time.perf_counter() - started
        self._portion.note(took)
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
            await self._publish(work)
        if hopeless:
            await self._give_up(hopeless)

    async def _publish(self, work: Sequence[tuple[Slot[S], Sequence[Effect]]]) -> None:
        """Carry out effects, and drop the slots that are done, lost or held back."""
        fenced, held_back = await self._publisher.publish(work)
        now = asyncio.get_running_loop().time()
        for slot in fenced:
            self._forget(slot, "fenced")
        for slot in held_back:
            self._forget(slot, "breaker open")
            self._breaker.hold_back(slot.assignment, now)
        carried_out = [each for each in work if each[0] not in fenced | held_back]
        for slot, each in carried_out:
            key = slot.assignment.key
            for letter in each:
                if isinstance(letter, DeadLetter):
                    self._metrics.dead_letters.inc()
                    _log.error("dead_letter.written", work_item=key, reason=letter.reason)
        done = [slot for slot, each in carried_out if any(isinstance(e, Done) for e in each)]
        if done:
            finished = [(slot.assignment.entry, slot.assignment.key) for slot in done]
            with suppress(OtherServer):  # all are opened again, as this one's end may be lost
                await self._assignments.release(finished, generation=self._publisher.generation)
            for slot in done:
                self._forget(slot, "done")

    def _drained(self) -> bool:
        return not self._slots or not self._stage.spec.finishes

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
