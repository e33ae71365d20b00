"""The queue in front of the engine: which decode is next, which waits, which is dropped.

The engine has `concurrency` places. Their order is by priority (finals, first partials, clauses,
refreshes), then live calls first, then by deadline (`Ticket.order`): a short utterance passes a
long one that came a little earlier. An engine that decodes in steps yields its place between two
steps to a more urgent decode, so nothing waits for the whole of a long one. Under load the last
free place is kept for finals. If an engine decodes several requests together at less cost, similar
ones that wait share places, as few per place as are needed to start them all.

At most `bound` partials wait. Beyond that the youngest of the lowest priority is dropped with
`Dropped` and counted; its utterance soon asks again with more audio. Finals and clauses always
wait: there is one per utterance at a time, so the worker's slots bound them. The same holds when
the engine's own queue is full: partials are dropped, finals and clauses wait again. An isolated
decode waits until nothing else is in flight, and everything else waits for it.
"""

import asyncio
import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from asr_worker import probe
from asr_worker.api import (
    DecodeFailed,
    DecodePoisoned,
    DecodeRequest,
    Engine,
    EngineDead,
    EngineError,
    Hypothesis,
    LanguageUnsupported,
    Priority,
)
from asr_worker.meter import USUAL_S, Meter
from asr_worker.places import Decoded, Group, Places, Ticket
from asr_worker.watchdog import Watchdog
from common.errors import AtCapacity, Misuse
from common.pipeline.report import AsrLoad

# Time constant with which the load follows the queue: longer than a decode, shorter than a call.
_LOAD_SMOOTHING = 2.0
# The cadence stretches from 0.5 s to 4 s at most; beyond that the bound drops partials.
_LOAD_LIMIT = 8.0
# The audio of a waiting partial gets old: the cadence stretches by more than the wait, so that
# few wait.
_LOAD_GAIN = 4.0
# Seconds after a live call's last decode for which a place is kept for the next.
_LIVE_LATELY = 10.0
# Seconds after which a recording's decode may run beside those of live calls.
_RECORDED_WAITS = 1.0
# Load from which on partials leave the last place to finals.
_LOADED = 1.5
_DECODE_SMOOTHING = 0.2
_PROBES = 3


class Dropped(AtCapacity):
    """The partial was dropped; the utterance asks again with its next audio."""

    def __init__(self, priority: Priority, why: str, retry_after: float) -> None:
        super().__init__(
            f"{priority.name.lower()} turned away: {why}",
            reason="asr_queue",
            retry_after=retry_after,
        )
        self.priority = priority


class Dispatcher:
    """Shares one engine's places among all utterances of a worker. One event loop.

    `bound` is how many partials may wait. `patience` (s) is the cadence of partials, which load
    stretches. `clock` is monotonic, in seconds. `speech` is how much dearer speech is than noise.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        bound: int,
        patience: float,
        clock: Callable[[], float],
        speech: float = 1.0,
    ) -> None:
        self._engine = engine
        self._places = Places(engine)
        self._bound = bound
        self._patience = patience
        self._clock = clock
        self._arrivals = itertools.count()
        self._dead: EngineDead | None = None
        self._closed = False
        self._decode_seconds = 0.0
        self.meter = Meter(speech)
        self.watchdog = Watchdog()
        """Knows what the engine has to decode."""
        self._load = 1.0
        self._load_read = clock()
        self._live_at = -math.inf
        """When a live call last requested a decode."""
        self.dropped: Counter[Priority] = Counter()

    async def calibrate(self) -> None:
        """Measure the cost of a final before the first call: the least of some decodes.

        Other processes of a machine start beside this one, and delay some. The language is told: an
        engine of several models would look for one in the noise, and cost ten times what most
        finals do.
        """
        request = DecodeRequest(
            utterance="probe",
            audio=probe.noise(USUAL_S),
            priority=Priority.FINAL,
            final=True,
            language="en",
        )
        with suppress(DecodeFailed, LanguageUnsupported):
            took = [(await self.decode(request, live=False)).took for _ in range(_PROBES)]
            self.meter.calibrated(min(took), self._clock())

    async def decode(
        self,
        request: DecodeRequest,
        *,
        live: bool = True,
        spare: float = 0.0,
        alone: float | None = None,
    ) -> Decoded:
        """Wait for a place, decode, and say how long each took.

        `live`: the audio arrives as it is spoken; finals of recordings can wait for live ones.
        `spare`: seconds until the text is needed.
        `alone`: the decode is isolated, nothing else is in flight, and it has this many seconds. If
        it takes longer or the engine dies, the cause is known, and the answer is DecodePoisoned.
        Cancelling leaves the queue, or abandons the running decode. It returns immediately; the
        place is reused as soon as the engine frees it. Raises Dropped (partials only), the
        engine's errors, and EngineDead for all once the engine is dead.
        """
        if self._closed:
            raise Misuse("decode() after close()")
        if self._dead is not None:
            raise self._dead
        self.load()  # accounts for the time until now, with the queue as it was
        now = self._clock()
        if live:
            self._live_at = now
        ticket = Ticket(request, live, next(self._arrivals), now, now + spare, alone)
        self._places.waiting.append(ticket)
        self._serve()
        self._enforce_bound()
        try:
            return await ticket.answer
        except asyncio.CancelledError:
            self._abandon(ticket)
            raise

    def prioritise(self, request: DecodeRequest, priority: Priority) -> None:
        """Make a decode that waits, runs or rests as urgent as `priority`."""
        places = self._places
        held = (ticket for group in places.groups() for ticket in group.tickets)
        for ticket in (*places.waiting, *held):
            if ticket.request is request:
                ticket.priority = priority
        self._serve()
        self._enforce_bound()

    def load(self) -> float:
        """Return the factor that stretches the partial cadence: 1.0 idle, more with longer waits.

        It grows by 1 with each quarter of the cadence that a new partial would wait; smoothed.
        """
        waiting = len(self._places.waiting) + len(self._places.resting)
        wait = waiting * self._decode_seconds / self._engine.concurrency
        target = min(1.0 + _LOAD_GAIN * wait / self._patience, _LOAD_LIMIT)
        now = self._clock()
        weight = 1.0 - math.exp(-(now - self._load_read) / _LOAD_SMOOTHING)
        self._load += weight * (target - self._load)
        self._load_read = now
        return self._load

    def report(self) -> AsrLoad:
        """Return the load for admission; partials do not count, since they yield."""
        now, meter = self._clock(), self.meter
        running = sum(now - group.since for group in self._places.running if group.live)
        return AsrLoad(
            places=self._engine.concurrency,
            occupied=meter.occupied + running,
            work=meter.work,
            ends=meter.ends,
            late=meter.late,
            overdue=meter.overdue(now),
            decode=meter.cost(now),
        )

    @property
    def waiting(self) -> Counter[Priority]:
        """How many requests wait for a place now, by priority."""
        return Counter(ticket.priority for ticket in self._places.waiting)

    @property
    def in_flight(self) -> int:
        """How many places are in use now, with abandoned decodes that still run."""
        return len(self._places.running)

    async def close(self) -> None:
        """Abandon all waiting and running decodes; return when every place is free."""
        self._closed = True
        for ticket in self._places.waiting:
            ticket.answer.cancel()
        self._places.waiting.clear()
        tasks = [group.task for group in self._places.groups()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _serve(self) -> None:
        """Give free places to waiting decodes, the most urgent first."""
        now = self._clock()
        live_before = now - _RECORDED_WAITS if now - self._live_at < _LIVE_LATELY else None
        while (
            first := self._places.next(last_is_kept=self._load > _LOADED, live_before=live_before)
        ) is not None:
            if isinstance(first, Group):
                self._resume(first)
            else:
                self._begin(self._places.sharing(first))

    def _begin(self, tickets: Sequence[Ticket]) -> None:
        group = Group(tickets, self._clock())
        for ticket in tickets:
            self._places.waiting.remove(ticket)
        self._places.running.append(group)
        group.task = asyncio.create_task(self._run(group))
        group.task.add_done_callback(lambda task: self._vacate(group, task))

    def _resume(self, group: Group) -> None:
        assert group.resumed is not None
        self._places.resting.remove(group)
        self._places.running.append(group)
        group.since = self._clock()
        if not group.resumed.done():
            group.resumed.set_result(None)

    def _rest(self, group: Group) -> None:
        """Account for the time that a group had its place, and free the place."""
        self.load()
        if group in self._places.running:
            self._places.running.remove(group)
            spell = self._clock() - group.since
            group.occupied += spell
            if group.live:  # a recording waits for live calls, so it is not load for them
                finals = [each.request.utterance for each in group.tickets] if group.final else ()
                self.meter.spent(spell, finals)

    async def _between(self, group: Group) -> None:
        """Yield the place to a more urgent decode, if there is one, and wait for another place."""
        if group.alone is not None or not self._places.must_yield(group):
            return
        self._rest(group)
        group.since = self._clock()
        group.resumed = asyncio.get_running_loop().create_future()
        self._places.resting.append(group)
        self._serve()
        await group.resumed

    def _enforce_bound(self) -> None:
        partials = [ticket for ticket in self._places.waiting if ticket.droppable]
        if len(partials) <= self._bound:
            return
        youngest = max(partials, key=lambda waiting: waiting.order)
        self._places.waiting.remove(youngest)
        self._drop(youngest, f"{self._bound} partials are waiting")

    def _drop(self, ticket: Ticket, why: str) -> None:
        priority = ticket.priority
        self.dropped[priority] += 1
        if not ticket.answer.done():
            ticket.answer.set_exception(Dropped(priority, why, self._patience))

    async def _run(self, group: Group) -> None:
        """Run a group in one place; the place stays in use even if the answers are cancelled."""
        tickets = group.tickets
        try:
            async with asyncio.timeout(group.alone):
                with self.watchdog.request(sum(ticket.seconds for ticket in tickets)):
                    outcomes = await self._decode(group)
        except AtCapacity as full:
            for ticket in tickets:
                self._drop(ticket, str(full))
            return
        except Exception as error:
            if isinstance(error, EngineDead):
                self._fail_all(error)
            if group.alone is not None and isinstance(error, EngineDead | TimeoutError):
                what = str(error) or f"no answer in {group.alone:.0f} s"
                error = DecodePoisoned(f"decoded alone: {what}")
            for ticket in tickets:
                _answer(ticket, error)
            return
        finally:
            self._rest(group)
        now, took = self._clock(), group.occupied
        lasted = now - group.began
        self._decode_seconds = _smoothed(self._decode_seconds, took / len(tickets))
        if group.final:
            self.meter.decoded(sum(ticket.seconds for ticket in tickets), took, now)
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            if isinstance(outcome, EngineError):
                _answer(ticket, outcome)
            else:
                waited = max(0.0, now - ticket.submitted - took)
                _answer(ticket, Decoded(outcome, waited, took, lasted, ticket.priority))

    async def _decode(self, group: Group) -> Sequence[Hypothesis | EngineError]:
        """Decode; parts of finals try until they are accepted, and keep their place meanwhile."""
        requests = [ticket.request for ticket in group.tickets]
        batching = self._places.batching
        while True:
            try:
                if batching is None:
                    return [await self._engine.decode(requests[0])]
                return await batching.decode_together(requests, lambda: self._between(group))
            except AtCapacity as full:
                if not group.final:
                    raise
                await asyncio.sleep(full.retry_after)

    def _vacate(self, group: Group, task: asyncio.Task[None]) -> None:
        self._rest(group)
        if group in self._places.resting:
            self._places.resting.remove(group)
        if task.cancelled():
            for ticket in group.tickets:
                ticket.answer.cancel()
        if not self._closed:
            self._serve()

    def _abandon(self, ticket: Ticket) -> None:
        if ticket in self._places.waiting:
            self.load()
            self._places.waiting.remove(ticket)
        for group in self._places.groups():
            # An abandoned decode has no listener; the others in its place continue.
            if ticket in group.tickets and all(each.answer.done() for each in group.tickets):
                group.task.cancel()

    def _fail_all(self, error: EngineDead) -> None:
        """Fail all waiting decodes: the engine is dead."""
        self._dead = error
        for ticket in self._places.waiting:
            if not ticket.answer.done():
                ticket.answer.set_exception(error)
        self._places.waiting.clear()


def _answer(ticket: Ticket, outcome: Decoded | Exception) -> None:
    if ticket.answer.done():
        return
    if isinstance(outcome, Exception):
        ticket.answer.set_exception(outcome)
    else:
        ticket.answer.set_result(outcome)


def _smoothed(before: float, now: float) -> float:
    return before + _DECODE_SMOOTHING * (now - before) if before else now
