"""The queue in front of the engine: who decodes next, who waits, and who is turned away.

The engine has `concurrency` places. They go by priority (finals, first partials, refreshes), within
one live calls first, then by arrival. Under load the last free one is kept for finals: a partial's
decode, once begun, is not interrupted. Where an engine decodes several together at less cost, what
waits shares a place with others of its priority, and no more of them than it takes for all to have
one. At most `bound` partials wait: beyond that the youngest of the least important is turned away
with `Dropped` and counted, since its utterance soon asks again with more audio. Finals always wait:
there is one per utterance, so the worker's slots bound them. The same holds when the engine's own
queue is full: partials are turned away, finals wait again. A decode that is to be alone waits until
nothing else is in flight, and keeps everything else waiting.

What it measures for admission (`vitals`) leaves partials out: they make room by themselves.
"""

import asyncio
import itertools
import math
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

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
from common.audio import SAMPLE_RATE
from common.errors import AtCapacity, Misuse

# The load follows the queue with this time constant: long against one decode, short against a call.
_LOAD_SMOOTHING = 2.0
# Partials every 0.5 s become partials every 4 s at most; beyond that the bound does the rest.
_LOAD_LIMIT = 8.0
# A partial that waits is of audio that grows old: the cadence stretches by more than the wait, so
# that few wait.
_LOAD_GAIN = 4.0
# From here on partials leave the last place to finals.
_LOADED = 1.5
_DECODE_SMOOTHING = 0.2
_WAITS_KEPT = 10.0
"""Seconds for which a final's wait is remembered: several utterances of every call."""
_PROBE = 4 * SAMPLE_RATE


class Dropped(AtCapacity):
    """The partial was turned away unserved; the utterance asks again with its next audio."""

    def __init__(self, priority: Priority, why: str, retry_after: float) -> None:
        super().__init__(
            f"{priority.name.lower()} turned away: {why}",
            reason="asr_queue",
            retry_after=retry_after,
        )


@dataclass(frozen=True, slots=True)
class Decoded:
    """A hypothesis and where its time went, both in seconds of the clock."""

    hypothesis: Hypothesis
    waited: float
    took: float


@dataclass(slots=True, eq=False)
class _Ticket:
    request: DecodeRequest
    live: bool
    arrival: int
    submitted: float
    alone: float | None = None
    answer: asyncio.Future[Decoded] = field(default_factory=asyncio.Future)

    @property
    def order(self) -> tuple[int, bool, int]:
        return (self.request.priority, not self.live, self.arrival)

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for the text, and notices if it is late."""
        return self.live and self.final

    @property
    def final(self) -> bool:
        return self.request.priority is Priority.FINAL


class Dispatcher:
    """Shares one engine's places among all utterances of a worker. One event loop.

    `bound` is how many partials may wait. `patience` (s) is the cadence of partials, which load
    stretches. `clock` is monotonic, in seconds.
    """

    def __init__(
        self, engine: Engine, *, bound: int, patience: float, clock: Callable[[], float]
    ) -> None:
        self._engine = engine
        self._together = engine.together if isinstance(engine, BatchingEngine) else 1
        self._bound = bound
        self._patience = patience
        self._clock = clock
        self._arrivals = itertools.count()
        self._waiting: list[_Ticket] = []
        self._running: dict[asyncio.Task[None], Sequence[_Ticket]] = {}
        """The taken places, and what shares each."""
        self._dead: EngineDead | None = None
        self._closed = False
        self._decode_seconds = 0.0
        self._final_seconds = 0.0
        self._idle_seconds = 0.0
        self._work = 0.0
        self._waits: deque[tuple[float, float]] = deque()
        """When urgent decodes began, and how long they had waited."""
        self._load = 1.0
        self._load_read = clock()
        self.dropped: Counter[Priority] = Counter()

    async def calibrate(self) -> None:
        """Learn what a final costs, before the first call is there to learn it from."""
        silence = np.zeros(_PROBE, np.float32)
        probe = DecodeRequest(utterance="probe", audio=silence, priority=Priority.FINAL, final=True)
        with suppress(DecodeFailed, LanguageUnsupported):
            self._idle_seconds = (await self.decode(probe, live=False)).took

    async def decode(
        self, request: DecodeRequest, *, live: bool = True, alone: float | None = None
    ) -> Decoded:
        """Wait for a place, decode, and say how long each took.

        `live`: the audio comes as it is spoken. Others' finals, of recordings, can wait for these.
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
        ticket = _Ticket(request, live, next(self._arrivals), self._clock(), alone)
        self._waiting.append(ticket)
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
        wait = len(self._waiting) * self._decode_seconds / self._engine.concurrency
        target = min(1.0 + _LOAD_GAIN * wait / self._patience, _LOAD_LIMIT)
        now = self._clock()
        weight = 1.0 - math.exp(-(now - self._load_read) / _LOAD_SMOOTHING)
        self._load += weight * (target - self._load)
        self._load_read = now
        return self._load

    def vitals(self) -> Mapping[str, float]:
        """Return what admission goes by; all in seconds but for the first three.

        `places`: decodes in flight at once. `waiting`: finals without a place now. `urgent`: finals
        of live calls, lately and now; `wait`: the longest that one waited for a place. `work`: how
        long finals, given up ones too, have held places so far; tentative decodes are finals here.
        `decode`: what one takes, smoothed, and `idle`, what the first took, of 4 s; 0 if not known.
        """
        now = self._clock()
        while self._waits and self._waits[0][0] < now - _WAITS_KEPT:
            self._waits.popleft()
        finals = [t for t in self._waiting if t.request.priority is Priority.FINAL]
        still = [now - ticket.submitted for ticket in finals if ticket.live]
        return {
            "places": self._engine.concurrency,
            "waiting": len(finals),
            "urgent": len(self._waits) + len(still),
            "wait": max([waited for _, waited in self._waits] + still, default=0.0),
            "work": self._work,
            "decode": self._final_seconds,
            "idle": self._idle_seconds,
        }

    @property
    def waiting(self) -> Counter[Priority]:
        """How many requests wait for a place now, by priority."""
        return Counter(ticket.request.priority for ticket in self._waiting)

    @property
    def in_flight(self) -> int:
        """How many places are taken now, abandoned decodes that still run included."""
        return len(self._running)

    async def close(self) -> None:
        """Abandon everything waiting and running; returns when every place is free."""
        self._closed = True
        for ticket in self._waiting:
            ticket.answer.cancel()
        self._waiting.clear()
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _serve(self) -> None:
        """Give free places to the waiting, most important first."""
        while self._waiting and len(self._running) < self._engine.concurrency:
            tickets = self._first()
            alone = tickets[0].alone is not None or self._someone_is_alone()
            if self._running and (alone or (not tickets[0].final and self._last_is_kept)):
                return
            for ticket in tickets:
                self._waiting.remove(ticket)
            task = asyncio.create_task(self._run(tickets))
            self._running[task] = tickets
            task.add_done_callback(self._vacate)

    def _first(self) -> Sequence[_Ticket]:
        """Return what is to have the next free place: the most important, and what shares with it.

        Nothing shares while there is a place for each: it would wait for the longest.
        """
        waiting = sorted(self._waiting, key=lambda ticket: ticket.order)
        first = waiting[0]
        if first.alone is not None:
            return [first]
        priority = first.request.priority
        alike = [
            t
            for t in waiting
            if t.alone is None and t.request.priority is priority and t.live is first.live
        ]
        free = self._engine.concurrency - len(self._running)
        return alike[: min(self._together, math.ceil(len(alike) / free))]

    @property
    def _last_is_kept(self) -> bool:
        return self._load > _LOADED and len(self._running) == self._engine.concurrency - 1

    def _someone_is_alone(self) -> bool:
        return any(tickets[0].alone is not None for tickets in self._running.values())

    def _enforce_bound(self) -> None:
        partials = [t for t in self._waiting if t.request.priority is not Priority.FINAL]
        if len(partials) <= self._bound:
            return
        victim = max(partials, key=lambda waiting: waiting.order)
        self._waiting.remove(victim)
        self._turn_away(victim, f"{self._bound} partials are waiting")

    def _turn_away(self, ticket: _Ticket, why: str) -> None:
        priority = ticket.request.priority
        self.dropped[priority] += 1
        if not ticket.answer.done():
            ticket.answer.set_exception(Dropped(priority, why, self._patience))

    async def _run(self, tickets: Sequence[_Ticket]) -> None:
        """Hold one place for decodes; the answers may be gone, the place is kept to the end."""
        began = self._clock()
        self._waits.extend((began, began - each.submitted) for each in tickets if each.urgent)
        alone, final = tickets[0].alone, tickets[0].final
        try:
            async with asyncio.timeout(alone):
                outcomes = await self._decode([ticket.request for ticket in tickets])
        except AtCapacity as full:
            for ticket in tickets:
                self._turn_away(ticket, str(full))
            return
        except Exception as error:
            if isinstance(error, EngineDead):
                self._bury(error)
            if alone is not None and isinstance(error, EngineDead | TimeoutError):
                what = str(error) or f"no answer in {alone:.0f} s"
                error = DecodePoisoned(f"decoded alone: {what}")
            for ticket in tickets:
                _answer(ticket, error)
            return
        finally:
            took = self._clock() - began
            if final:
                self._work += took
        self._decode_seconds = _smoothed(self._decode_seconds, took / len(tickets))
        if final:
            self._final_seconds = _smoothed(self._final_seconds, took)
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            if isinstance(outcome, EngineError):
                _answer(ticket, outcome)
            else:
                _answer(ticket, Decoded(outcome, began - ticket.submitted, took))

    async def _decode(
        self, requests: Sequence[DecodeRequest]
    ) -> Sequence[Hypothesis | EngineError]:
        """Decode; finals try until the engine takes them, and keep their place meanwhile."""
        while True:
            try:
                if len(requests) == 1:
                    return [await self._engine.decode(requests[0])]
                assert isinstance(self._engine, BatchingEngine)
                return await self._engine.decode_together(requests)
            except AtCapacity as full:
                if requests[0].priority is not Priority.FINAL:
                    raise
                await asyncio.sleep(full.retry_after)

    def _vacate(self, task: asyncio.Task[None]) -> None:
        self.load()
        tickets = self._running.pop(task)
        if task.cancelled():
            for ticket in tickets:
                ticket.answer.cancel()
        if not self._closed:
            self._serve()

    def _abandon(self, ticket: _Ticket) -> None:
        if ticket in self._waiting:
            self.load()
            self._waiting.remove(ticket)
        for task, tickets in self._running.items():
            # Nobody hears of one that is abandoned; the others on its place go on.
            if ticket in tickets and all(each.answer.done() for each in tickets):
                task.cancel()

    def _bury(self, error: EngineDead) -> None:
        """Answer everyone who waits; nobody is to hope for a dead engine."""
        self._dead = error
        for ticket in self._waiting:
            if not ticket.answer.done():
                ticket.answer.set_exception(error)
        self._waiting.clear()


def _answer(ticket: _Ticket, outcome: Decoded | Exception) -> None:
    if ticket.answer.done():
        return
    if isinstance(outcome, Exception):
        ticket.answer.set_exception(outcome)
    else:
        ticket.answer.set_result(outcome)


def _smoothed(before: float, now: float) -> float:
    return before + _DECODE_SMOOTHING * (now - before) if before else now
