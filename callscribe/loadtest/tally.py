"""The sums over all calls; times are seconds since the load began."""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from callscribe.client.latency import MEASURES

_MOST_NAMED = 50
"""Failed calls whose names are kept."""


@dataclass
class Series:
    """Values with their times, which never decrease."""

    times: "array[float]" = field(default_factory=lambda: array("d"))
    values: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, now: float, value: float) -> None:
        """Note a value."""
        self.times.append(now)
        self.values.append(value)

    def since(self, begin: float) -> Sequence[float]:
        """Return the values from `begin` on."""
        return self.values[bisect_left(self.times, begin) :]


@dataclass(frozen=True)
class Failure:
    """One failed call; `session_id` empty when it had not begun."""

    at: float
    session_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """One channel of one call: the passages said in it, and its finals' text."""

    passages: tuple[str, ...]
    text: str


@dataclass
class Tally:
    """Counts of calls, samples of latencies, and what the calls said."""

    up: int = 0
    ups: Series = field(default_factory=Series)
    """How many calls were up, after every change."""
    opening: Series = field(default_factory=Series)
    """For each accepted call, how long its opening took."""
    refusing: Series = field(default_factory=Series)
    """For each refusal, how long it took."""
    refusals: Counter[str] = field(default_factory=Counter)
    unreached: int = 0
    """Calls that failed before they began."""
    finished: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    failed: list[Failure] = field(default_factory=list)
    """The first of them."""
    partials: Series = field(default_factory=Series)
    finals: Series = field(default_factory=Series)
    latencies: Mapping[str, Series] = field(
        default_factory=lambda: {measure: Series() for measure in MEASURES}
    )
    lost_utterances: int = 0
    """Utterances that ended without a final in calls that ended in order."""
    silent: int = 0
    """Calls that ended in order without a word, though their speech had some."""
    gap_s: float = 0.0
    worst_lag_s: float = 0.0
    lateness: Series = field(default_factory=Series)
    """This side's own lateness: the worst of each second."""
    worst_held: float = 0.0
    """The longest that a message waited for a server that did not read."""
    sent_s: float = 0.0
    """Seconds of audio sent by calls that have ended."""
    spoken: list[Spoken] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """Calls that the server took."""
        return len(self.opening.times)

    @property
    def refused(self) -> int:
        """Attempts that the server refused."""
        return len(self.refusing.times)

    @property
    def all_failed(self) -> int:
        """Calls that failed, before or after they were accepted."""
        return self.failures.total()

    @property
    def worst_lateness(self) -> float:
        """The longest delay (s) of a message on this side."""
        return max(self.lateness.values, default=0.0)

    @property
    def complete(self) -> bool:
        """Whether calls were accepted, and all of them ended in order with all their finals."""
        bad = self.all_failed + self.lost_utterances + self.silent
        return self.accepted > 0 and bad == 0 and self.gap_s == 0

    def opened(self, now: float, took: float) -> None:
        """A call was accepted."""
        self.opening.add(now, took)
        self._move(now, 1)

    def was_refused(self, now: float, took: float, reason: str) -> None:
        """A call was refused."""
        self.refusing.add(now, took)
        self.refusals[reason] += 1

    def not_reached(self, now: float, reason: str) -> None:
        """A call failed before it began."""
        self.unreached += 1
        self._fail(Failure(now, "", reason))

    def ended(self, now: float, failure: Failure | None, sent_s: float) -> None:
        """An accepted call is over."""
        self._move(now, -1)
        self.sent_s += sent_s
        if failure is None:
            self.finished += 1
        else:
            self._fail(failure)

    def late(self, now: float, lateness: float) -> None:
        """A message was sent with this delay."""
        times, values = self.lateness.times, self.lateness.values
        if times and int(times[-1]) == int(now):
            values[-1] = max(values[-1], lateness)
        else:
            self.lateness.add(now, lateness)

    def _move(self, now: float, by: int) -> None:
        self.up += by
        self.ups.add(now, self.up)

    def _fail(self, failure: Failure) -> None:
        self.failures[failure.reason] += 1
        if len(self.failed) < _MOST_NAMED:
            self.failed.append(failure)
