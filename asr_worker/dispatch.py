"""The queue in front of the engine: who decodes next, who waits, and who is turned away.

At most `engine.concurrency` decodes are in flight. Places go by priority (finals, first partials,
refreshes), within one by arrival. At most `bound` partials wait: beyond that the youngest of the
least important is turned away with `Dropped` and counted, since its utterance soon asks again with
more audio. Finals always wait: there is one per utterance, so the worker's slots bound them. The
same holds when the engine's own queue is full: partials are turned away, finals wait again.
"""

import asyncio
import itertools
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from asr_worker.api import DecodeRequest, Engine, EngineDead, Hypothesis, Priority
from common.errors import AtCapacity, Misuse

# The load follows the queue with this time constant: long against one decode, short against a call.
_LOAD_SMOOTHING = 2.0
# Partials every 0.5 s become partials every 4 s at most; beyond that the bound does the rest.
_LOAD_LIMIT = 8.0
_DECODE_SMOOTHING = 0.2


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
    arrival: int
    submitted: float
    answer: asyncio.Future[Decoded] = field(default_factory=asyncio.Future)

    @property
    def order(self) -> tuple[int, int]:
        return (self.request.priority, self.arrival)


class Dispatcher:
    """Shares one engine's places among all utterances of a worker. One event loop.

    `bound` is how many partials may wait. `patience` (s) is the wait that doubles the load factor:
    the partial cadence. `clock` is monotonic, in seconds.
    """

    def __init__(
        self, engine: Engine, *, bound: int, patience: float, clock: Callable[[], float]
    ) -> None:
        self._engine = engine
        self._bound = bound
        self._patience = patience
        self._clock = clock
        self._arrivals = itertools.count()
        self._waiting: list[_Ticket] = []
        self._running: dict[asyncio.Task[None], _Ticket] = {}
        self._dead: EngineDead | None = None
        self._closed = False
        self._decode_seconds = 0.0
        self._load = 1.0
        self._load_read = clock()
        self.dropped: Counter[Priority] = Counter()

    async def decode(self, request: DecodeRequest) -> Decoded:
        """Wait for a place, decode, and say how long each took.

        Cancelling leaves the queue, or abandons the running decode; it returns at once, while the
        place is given on as soon as the engine lets go of it. Raises Dropped (partials only), what
        the engine raised, and EngineDead for everyone once the engine is dead.
        """
        if self._closed:
            raise Misuse("decode() after close()")
        if self._dead is not None:
            raise self._dead
        self.load()  # accounts for the time until now under the queue as it was
        ticket = _Ticket(request, next(self._arrivals), self._clock())
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

        The cadence plus the wait a new partial would meet, over the cadence; smoothed over time.
        """
        wait = len(self._waiting) * self._decode_seconds / self._engine.concurrency
        target = min(1.0 + wait / self._patience, _LOAD_LIMIT)
        now = self._clock()
        weight = 1.0 - math.exp(-(now - self._load_read) / _LOAD_SMOOTHING)
        self._load += weight * (target - self._load)
        self._load_read = now
        return self._load

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
            ticket = min(self._waiting, key=lambda waiting: waiting.order)
            self._waiting.remove(ticket)
            task = asyncio.create_task(self._run(ticket))
            self._running[task] = ticket
            task.add_done_callback(self._vacate)

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

    async def _run(self, ticket: _Ticket) -> None:
        """Hold one place for one decode; the answer may be gone, the place is kept to the end."""
        began = self._clock()
        try:
            hypothesis = await self._decode(ticket.request)
        except AtCapacity as full:
            self._turn_away(ticket, str(full))
            return
        except Exception as error:
            if isinstance(error, EngineDead):
                self._bury(error)
            if not ticket.answer.done():
                ticket.answer.set_exception(error)
            return
        took = self._clock() - began
        weight = _DECODE_SMOOTHING if self._decode_seconds else 1.0
        self._decode_seconds += weight * (took - self._decode_seconds)
        if not ticket.answer.done():
            ticket.answer.set_result(Decoded(hypothesis, began - ticket.submitted, took))

    async def _decode(self, request: DecodeRequest) -> Hypothesis:
        """Decode; a final tries until the engine takes it, and keeps its place meanwhile."""
        while True:
            try:
                return await self._engine.decode(request)
            except AtCapacity as full:
                if request.priority is not Priority.FINAL:
                    raise
                await asyncio.sleep(full.retry_after)

    def _vacate(self, task: asyncio.Task[None]) -> None:
        self.load()
        ticket = self._running.pop(task)
        if task.cancelled():
            ticket.answer.cancel()
        if not self._closed:
            self._serve()

    def _abandon(self, ticket: _Ticket) -> None:
        if ticket in self._waiting:
            self.load()
            self._waiting.remove(ticket)
        for task, running in self._running.items():
            if running is ticket:
                task.cancel()

    def _bury(self, error: EngineDead) -> None:
        """Answer everyone who waits; nobody is to hope for a dead engine."""
        self._dead = error
        for ticket in self._waiting:
            if not ticket.answer.done():
                ticket.answer.set_exception(error)
        self._waiting.clear()
