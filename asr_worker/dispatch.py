"""The queue in front of the engine: who decodes next, who waits, and who is turned away.

The engine has `concurrency` places. They go by priority (finals, first partials, refreshes), within
one live calls first, then by who is to be answered first (`Ticket.order`): a short utterance
passes a long one that came a little earlier. An engine that decodes in steps gives the place back
between two of them to what goes before it, so nobody waits for the whole of a long decode. Under
load the last free place is kept for finals. Where an engine decodes several together at less cost,
what waits shares a place with its like, and no more of them than it takes for all to have one.

At most `bound` partials wait: beyond that the youngest of the least important is turned away
with `Dropped` and counted, since its utterance soon asks again with more audio. Finals always wait:
there is one per utterance, so the worker's slots bound them. The same holds when the engine's own
queue is full: partials are turned away, finals wait again. A decode that is to be alone waits until
nothing else is in flight, and keeps everything else waiting.
"""

import asyncio
import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from asr_worker.api import (
    BatchingEngine,
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
from common.audio import samples
from common.errors import AtCapacity, Misuse
from common.pipeline.report import AsrLoad

# The load follows the queue with this time constant: long against one decode, short against a call.
_LOAD_SMOOTHING = 2.0
# Partials every 0.5 s become partials every 4 s at most; beyond that the bound does the rest.
_LOAD_LIMIT = 8.0
# A partial that waits is of audio that grows old: the cadence stretches by more than the wait, so
# that few wait.
_LOAD_GAIN = 4.0
# Seconds after a live call's last decode for which a place is kept for the next.
_LIVE_LATELY = 10.0
# Seconds after which a recording's decode goes on beside those of live calls.
_RECORDED_WAITS = 1.0
# From here on partials leave the last place to finals.
_LOADED = 1.5
_DECODE_SMOOTHING = 0.2
_PROBE = samples(USUAL_S)


class Dropped(AtCapacity):
    """The partial was turned away unserved; the utterance asks again with its next audio."""

    def __init__(self, priority: Priority, why: str, retry_after: float) -> None:
        super().__init__(
            f"{priority.name.lower()} turned away: {why}",
            reason="asr_queue",
            retry_after=retry_after,
        )


class Dispatcher:
    """Shares one engine's places among all utterances of a worker. One event loop.

    `bound` is how many partials may wait. `patience` (s) is the cadence of partials, which load
    stretches. `clock` is monotonic, in seconds.
    """

    def __init__(
        self, engine: Engine, *, bound: int, patience: float, clock: Callable[[], float]
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
        self.meter = Meter()
        self._load = 1.0
        self._load_read = clock()
        self._live_at = -math.inf
        """When a live call last asked for a decode."""
        self.dropped: Counter[Priority] = Counter()

    async def calibrate(self) -> None:
        """Learn what a final costs, before the first call is there to learn it from."""
        silence = np.zeros(_PROBE, np.float32)
        probe = DecodeRequest(utterance="probe", audio=silence, priority=Priority.FINAL, final=True)
        with suppress(DecodeFailed, LanguageUnsupported):
            self.meter.calibrated((await self.decode(probe, live=False)).took, self._clock())

    async def decode(
        self,
        request: DecodeRequest,
        *,
        live: bool = True,
        spare: float = 0.0,
        alone: float | None = None,
    ) -> Decoded:
        """Wait for a place, decode, and say how long each took.

        `live`: the audio comes as it is spoken. Others' finals, of recordings, can wait for these.
        `spare`: seconds until somebody begins to wait for the text.
        `alone`: nothing else is in flight meanwhile, and it may take so many seconds; if it takes
        longer or the engine dies, it is known of what, and the answer is DecodePoisoned.
        Cancelling leaves the queue, or abandons the running decode; it returns at once, while the
        place is given on as soon as the engine lets go of it. Raises Dropped (partials only), what
        the engine raised, and EngineDead for everyone once the engine is dead.
        """
        if self._closed:
            raise Misuse("decode() after close()")
        if self._dead is not None:
            raise self._dead
        self.load()  # accounts for the time until now under the queue as it was
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

    def load(self) -> float:
        """Return by how much to stretch the partial cadence: 1.0 idle, rising with the wait.

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
        """Return what admission goes by; partials make room themselves."""
        now, meter = self._clock(), self.meter
        running = sum(now - group.since for group in self._places.running if group.live)
        return AsrLoad(
            places=self._engine.concurrency,
            held=meter.held + running,
            work=meter.work,
            ends=meter.ends,
            late=meter.late,
            overdue=meter.overdue(now),
            decode=meter.cost(now),
        )

    @property
    def waiting(self) -> Counter[Priority]:
        """How many requests wait for a place now, by priority."""
        return Counter(ticket.request.priority for ticket in self._places.waiting)

    @property
    def in_flight(self) -> int:
        """How many places are taken now, abandoned decodes that still run included."""
        return len(self._places.running)

    async def close(self) -> None:
        """Abandon everything waiting and running; returns when every place is free."""
        self._closed = True
        for ticket in self._places.waiting:
            ticket.answer.cancel()
        self._places.waiting.clear()
        tasks = [group.task for group in self._places.groups()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _serve(self) -> None:
        """Give free places to those that wait, most important first."""
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
        """Account for the time since a group had its place, and take it out of there."""
        self.load()
        if group in self._places.running:
            self._places.running.remove(group)
            spell = self._clock() - group.since
            group.held += spell
            if group.live:  # a recording waits for live calls, and is no load to them
                self.meter.spent(spell, final=group.final)

    async def _between(self, group: Group) -> None:
        """Give the place to what goes before this group, if anything does, and wait for one."""
        if group.alone is not None or not self._places.someone_before(group):
            return
        self._rest(group)
        group.since = self._clock()
        group.resumed = asyncio.get_running_loop().create_future()
        self._places.resting.append(group)
        self._serve()
        await group.resumed

    def _enforce_bound(self) -> None:
        partials = [t for t in self._places.waiting if t.request.priority is not Priority.FINAL]
        if len(partials) <= self._bound:
            return
        victim = max(partials, key=lambda waiting: waiting.order)
        self._places.waiting.remove(victim)
        self._turn_away(victim, f"{self._bound} partials are waiting")

    def _turn_away(self, ticket: Ticket, why: str) -> None:
        priority = ticket.request.priority
        self.dropped[priority] += 1
        if not ticket.answer.done():
            ticket.answer.set_exception(Dropped(priority, why, self._patience))

    async def _run(self, group: Group) -> None:
        """Hold one place for decodes; the answers may be gone, the place is kept to the end."""
        tickets = group.tickets
        try:
            async with asyncio.timeout(group.alone):
                outcomes = await self._decode(group)
        except AtCapacity as full:
            for ticket in tickets:
                self._turn_away(ticket, str(full))
            return
        except Exception as error:
            if isinstance(error, EngineDead):
                self._bury(error)
            if group.alone is not None and isinstance(error, EngineDead | TimeoutError):
                what = str(error) or f"no answer in {group.alone:.0f} s"
                error = DecodePoisoned(f"decoded alone: {what}")
            for ticket in tickets:
                _answer(ticket, error)
            return
        finally:
            self._rest(group)
        now, took = self._clock(), group.held
        self._decode_seconds = _smoothed(self._decode_seconds, took / len(tickets))
        if group.final:
            self.meter.decoded(sum(ticket.seconds for ticket in tickets), took, now)
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            if isinstance(outcome, EngineError):
                _answer(ticket, outcome)
            else:
                waited = max(0.0, now - ticket.submitted - took)
                _answer(ticket, Decoded(outcome, waited, took))

    async def _decode(self, group: Group) -> Sequence[Hypothesis | EngineError]:
        """Decode; finals try until the engine takes them, and keep their place meanwhile."""
        requests = [ticket.request for ticket in group.tickets]
        while True:
            try:
                if not isinstance(self._engine, BatchingEngine):
                    return [await self._engine.decode(requests[0])]
                return await self._engine.decode_together(requests, lambda: self._between(group))
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
            # Nobody hears of one that is abandoned; the others on its place go on.
            if ticket in group.tickets and all(each.answer.done() for each in group.tickets):
                group.task.cancel()

    def _bury(self, error: EngineDead) -> None:
        """Answer everyone who waits; nobody is to hope for a dead engine."""
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
