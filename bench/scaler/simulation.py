"""A site under load, second by second: calls, pods that start and drain, and what is refused.

It refuses a call only where no pod has room: the balancer passes over full gateways.
"""

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol, Self

from bench.scaler.hpa import Autoscaler
from deploy.kubernetes import rule

REVERSAL_S = 600
"""A pod more this soon after a pod less is flapping."""


@dataclass(frozen=True)
class Pool:
    """One Deployment: its scaler's values, and what one pod of it takes at most, in its units."""

    name: str
    per_pod: int
    capacity: int
    least: int
    most: int
    start_s: float
    buffer: int
    per_call: int


class Told(NamedTuple):
    """What Prometheus tells the autoscaler of a pool: units with the buffer, and the lag in s."""

    units: float | None
    lag_s: float | None


class Traffic(Protocol):
    """Calls, and what the autoscaler is told of them; times in s from the beginning."""

    def calls(self) -> Iterator[Sequence[float]]:
        """Yield when calls end: first of those in progress, then of those new in each second."""

    def told(self, pool: Pool, now: int, scraped: int) -> Told:
        """Return what is told at a look, when the last scrape saw this many calls."""


@dataclass(frozen=True)
class Rule:
    """What is varied: the buffer, the window for scaling down, how calls leave a gateway.

    `resuming`: clients resume elsewhere as soon as their gateway drains. Otherwise their calls stay
    until they end, for at most `drain_s`.
    """

    name: str
    buffered: bool = True
    down_window_s: float = rule.SCALE_DOWN_WINDOW_S
    resuming: bool = True
    drain_s: float = 3600.0


@dataclass
class Outcome:
    """What came of it. `pods` is the least and the most of each pool, `trace` one row a minute."""

    calls: int = 0
    refused: int = 0
    cut: int = 0
    reversals: int = 0
    pods: dict[str, tuple[int, int]] = field(default_factory=dict)
    trace: list[tuple[int, int, dict[str, int]]] = field(default_factory=list)

    def __add__(self, other: Self) -> Self:
        """Return both together, with the trace of this one."""
        return replace(
            self,
            calls=self.calls + other.calls,
            refused=self.refused + other.refused,
            cut=self.cut + other.cut,
            reversals=self.reversals + other.reversals,
            pods={
                name: (min(least, other.pods[name][0]), max(most, other.pods[name][1]))
                for name, (least, most) in self.pods.items()
            },
        )


class _Fleet:
    """The pods of one pool, by the time from which each is ready."""

    def __init__(self, pool: Pool, down_window_s: float, calls: float) -> None:
        self.pool = pool
        metric = calls * pool.per_call + pool.buffer
        start = min(max(-int(-metric // pool.per_pod), pool.least), pool.most)
        self.scaler = Autoscaler(pool.per_pod, pool.least, pool.most, start, down_window_s)
        self.pods = dict.fromkeys(range(start), -1.0)
        self.range = (start, start)
        self.fell_at: float = -REVERSAL_S
        self._next = start

    def ready(self, now: float) -> list[int]:
        return [pod for pod, at in self.pods.items() if at <= now]

    def room(self, now: float) -> float:
        """Return the calls for which there are ready pods."""
        return len(self.ready(now)) * self.pool.capacity / self.pool.per_call

    def look(self, now: float, told: Told, outcome: Outcome) -> list[int]:
        """Scale; return the pods that are deleted, the newest first as a ReplicaSet does."""
        before = len(self.pods)
        after = self.scaler.look(now, told.units, told.lag_s)
        self.range = (min(self.range[0], after), max(self.range[1], after))
        if after == before:
            return []
        if after > before:
            outcome.reversals += now - self.fell_at < REVERSAL_S
            for _ in range(after - before):
                self.pods[self._next] = now + self.pool.start_s
                self._next += 1
            return []
        self.fell_at = now
        gone = sorted(self.pods, key=lambda pod: self.pods[pod], reverse=True)[: before - after]
        for pod in gone:
            del self.pods[pod]
        return gone


@dataclass
class _Calls:
    """Calls in progress: their ends, and how many each gateway has."""

    ends: list[tuple[float, int]] = field(default_factory=list)
    by_pod: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ends)

    def add(self, end: float, pod: int) -> None:
        heapq.heappush(self.ends, (end, pod))
        self.by_pod[pod] = self.by_pod.get(pod, 0) + 1

    def end_until(self, now: float) -> None:
        while self.ends and self.ends[0][0] <= now:
            _, pod = heapq.heappop(self.ends)
            self.by_pod[pod] -= 1

    def take_from(self, pod: int, after: float) -> list[float]:
        """Remove the calls of a gateway that would end after this time; return their ends."""
        taken = [end for end, at in self.ends if at == pod and end > after]
        self.ends = [each for each in self.ends if each[1] != pod or each[0] <= after]
        heapq.heapify(self.ends)
        self.by_pod[pod] -= len(taken)
        return taken


def run(traffic: Traffic, pools: Sequence[Pool], how: Rule, scrape_s: int) -> Outcome:
    """Simulate; `pools` begins with the gateways. Refused callers do not try again."""
    outcome, calls = Outcome(), _Calls()
    if not how.buffered:
        pools = [replace(pool, buffer=0) for pool in pools]
    coming = traffic.calls()
    first = next(coming)
    fleets = [_Fleet(pool, how.down_window_s, len(first)) for pool in pools]
    gateways = fleets[0]
    for end in first:
        calls.add(end, _emptiest(gateways.ready(0), calls))
    doomed: deque[tuple[float, int]] = deque()
    scraped = len(calls)
    for now, new in enumerate(coming):
        calls.end_until(now)
        ready = gateways.ready(now)
        room = min(each.room(now) for each in fleets[1:])
        for end in new:
            outcome.calls += 1
            pod = _emptiest(ready, calls)
            if calls.by_pod.get(pod, 0) >= gateways.pool.capacity or len(calls) + 1 > room:
                outcome.refused += 1
            else:
                calls.add(end, pod)
        while doomed and doomed[0][0] <= now:
            outcome.cut += len(calls.take_from(doomed.popleft()[1], now))
        if now % rule.SYNC_S == 0:
            for fleet in fleets:
                gone = fleet.look(now, traffic.told(fleet.pool, now, scraped), outcome)
                if fleet is gateways:
                    for pod in gone:
                        _drain(pod, now, how, calls, gateways.ready(now), doomed)
        # Prometheus scrapes after the HPA has looked: its value is as old as it can be.
        if now % scrape_s == 0:
            scraped = len(calls)
        if now % 60 == 0:
            pods = {fleet.pool.name: len(fleet.ready(now)) for fleet in fleets}
            outcome.trace.append((now, len(calls), pods))
    outcome.pods = {fleet.pool.name: fleet.range for fleet in fleets}
    return outcome


def _drain(
    pod: int,
    now: float,
    how: Rule,
    calls: _Calls,
    others: Sequence[int],
    doomed: deque[tuple[float, int]],
) -> None:
    if pod not in calls.by_pod:
        return
    if not how.resuming:
        doomed.append((now + how.drain_s, pod))
        return
    # A client that resumes passes admission.
    for end in calls.take_from(pod, now):
        calls.add(end, _emptiest(others, calls))


def _emptiest(pods: Sequence[int], calls: _Calls) -> int:
    return min(pods, key=lambda pod: calls.by_pod.get(pod, 0))
