"""The places of an engine: which decodes have one, which wait, which is next. Pure.

A *group* is the decodes that share a place. A group that yielded its place between two steps is
resting: it waits like the others, and no decode joins it.
"""

import asyncio
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from asr_worker.api import BatchingEngine, DecodeRequest, Engine, Hypothesis, Priority
from common.audio import SAMPLE_RATE

_PATIENCE_PER_S = 0.025
"""Seconds that a decode may wait for others, per second of its audio: about what it takes."""
_TOGETHER = 30 * SAMPLE_RATE
"""Audio that may share a place: no wait is longer than for one long utterance."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A hypothesis, and how long it waited and took, in seconds of the clock.

    `lasted`: seconds since it first got a place, with the time in which it had yielded it.
    `priority`: how urgent it was at the end.
    """

    hypothesis: Hypothesis
    waited: float
    took: float
    lasted: float
    priority: Priority


@dataclass(slots=True, eq=False)
class Ticket:
    """A request for a place; times in seconds of the dispatcher's clock."""

    request: DecodeRequest
    live: bool
    arrival: int
    submitted: float
    needed: float
    """When the text is needed."""
    alone: float | None = None
    answer: asyncio.Future[Decoded] = field(default_factory=asyncio.Future)
    priority: Priority = field(init=False)
    """At first that of the request."""

    def __post_init__(self) -> None:
        self.priority = self.request.priority

    @property
    def order(self) -> tuple[int, bool, float, int]:
        """Sort key, the smaller first; time alone never changes it, so every ticket is served."""
        answered = self.needed + _PATIENCE_PER_S * self.seconds
        return (self.priority, not self.live, answered, self.arrival)

    @property
    def seconds(self) -> float:
        """How much audio it has."""
        return len(self.request.audio) / SAMPLE_RATE

    @property
    def urgent(self) -> bool:
        """Whether a final waits for it, or may soon."""
        return self.priority is Priority.FINAL

    @property
    def droppable(self) -> bool:
        """Whether another decode will do as well."""
        return self.priority in (Priority.FIRST_PARTIAL, Priority.REFRESH)


@dataclass(slots=True, eq=False)
class Group:
    """Decodes that share a place: they have one, or are resting until `resumed`."""

    tickets: Sequence[Ticket]
    since: float
    """When it got its place, or yielded it."""
    occupied: float = 0.0
    """Seconds in a place before."""
    resumed: asyncio.Future[None] | None = None
    task: asyncio.Task[None] = field(init=False)
    began: float = field(init=False)
    """When it first got its place."""

    def __post_init__(self) -> None:
        self.began = self.since

    @property
    def order(self) -> tuple[int, bool, float, int]:
        """See `Ticket.order`; that of the most urgent ticket."""
        return min(ticket.order for ticket in self.tickets)

    @property
    def alone(self) -> float | None:
        """See `Dispatcher.decode`."""
        return self.tickets[0].alone

    @property
    def urgent(self) -> bool:
        """See `Ticket.urgent`."""
        return any(ticket.urgent for ticket in self.tickets)

    @property
    def final(self) -> bool:
        """Whether its texts will be parts of finals; it is the same for all in the group."""
        return self.tickets[0].request.final

    @property
    def live(self) -> bool:
        """See `Ticket`; it is the same for all in the group."""
        return self.tickets[0].live


class Places:
    """The places of one engine."""

    def __init__(self, engine: Engine) -> None:
        self.number = engine.concurrency
        self.running: list[Group] = []
        self.resting: list[Group] = []
        self.waiting: list[Ticket] = []
        self.batching = engine if isinstance(engine, BatchingEngine) else None
        """The engine, if it decodes several requests together. Asking a protocol takes 20 µs."""

    def groups(self) -> Iterator[Group]:
        """Iterate over all groups that have begun and not ended."""
        yield from (*self.running, *self.resting)

    def last_is_free(self) -> bool:
        """Whether exactly one place is free."""
        return len(self.running) == self.number - 1

    def next(
        self, *, last_is_kept: bool, live_before: float | None = None
    ) -> Ticket | Group | None:
        """Return the next ticket or group for a free place, if there is one.

        If `last_is_kept`, the last free place is for finals only. `live_before` is set while there
        are live calls: recordings then leave one place to them, and are decoded only while no live
        call is, or if they have waited since that time. The reason: a decode slows down the ones
        beside it.
        """
        if len(self.running) >= self.number:
            return None
        resting, waiting = self.resting, self.waiting
        if live_before is not None:
            recorded = sum(not group.live for group in self.running)
            all_theirs = recorded >= self.number - 1 > 0
            busy = recorded < len(self.running) or all_theirs
            bound = -math.inf if all_theirs else live_before
            resting = [g for g in resting if g.live or not busy or g.since < bound]
            waiting = [t for t in waiting if t.live or not busy or t.submitted < bound]
        rested = min(resting, key=lambda group: group.order, default=None)
        ticket = min(waiting, key=lambda ticket: ticket.order, default=None)
        first: Ticket | Group | None = ticket or rested
        if ticket is not None and rested is not None:
            # An isolated decode waits until all groups have ended.
            first = rested if ticket.alone is not None or rested.order < ticket.order else ticket
        if first is None or not self.running:
            return first
        if first.alone is not None or any(group.alone is not None for group in self.running):
            return None
        return None if not first.urgent and last_is_kept and self.last_is_free() else first

    def sharing(self, first: Ticket) -> Sequence[Ticket]:
        """Return the waiting tickets that share a free place with the first, itself included.

        Nothing shares while there is a place for each: all would wait for the longest.
        """
        if first.alone is not None or self.batching is None:
            return [first]
        likeness = self.batching.likeness(first.request)
        alike = sorted(
            (
                each
                for each in self.waiting
                if each.alone is None
                and each.order[:2] == first.order[:2]
                and each.request.final == first.request.final
                and self.batching.likeness(each.request) == likeness
            ),
            key=lambda ticket: ticket.order,
        )
        free = self.number - len(self.running)
        most = min(self.batching.together, math.ceil(len(alike) / free))
        ends = itertools.accumulate(len(ticket.request.audio) for ticket in alike[:most])
        return alike[: max(1, sum(end <= _TOGETHER for end in ends))]

    def must_yield(self, group: Group) -> bool:
        """Whether a group must yield its place to a more urgent decode."""
        if not group.live and any(other.live for other in self.running):
            return True
        first = group.order
        return any(t.alone is None and t.order < first for t in self.waiting) or any(
            rested.order < first for rested in self.resting
        )
