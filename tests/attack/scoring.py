"""What an attack did to the others, in figures, and which bounds that breaks; times in seconds."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any

from callscribe.client.latency import percentile
from tests.attack.rude import NO_STATUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much harm beside an attack is none."""

    p95_ratio: float = 1.5
    p95_more: float = 0.15
    """Seconds; the larger of the two counts."""
    newcomer_more: float = 2.0
    """Seconds beyond the wait that a refusal names; without a refusal, beyond none."""
    memory_mb: float = 48.0
    unanswered: float = 0.05
    """Share of the attacker's requests: a reset may overtake the answer."""
    log_lines: int = 150
    log_lines_per_s: float = 25.0
    """An attack may be told of, and calls that an attacker opens are logged as any others are."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a caller was told: words in order, and by endpoint (s of audio) how late its final was.

    `waited`: seconds from the call's begin until no more finals were waited for. `counts_from`:
    seconds of audio from which finals count; what was said before the attack does not.
    """

    words: Sequence[str]
    finals: Mapping[float, float]
    waited: float = 0.0
    counts_from: float = 0.0
    failure: str = ""


_SAME_ENDPOINT = 0.1
"""Seconds within which two endpoints are that of the same utterance."""


def lost_words(truth: Sequence[str], heard: Sequence[str]) -> int:
    """Return how many words of the truth were not heard, in its order."""
    matcher = SequenceMatcher(None, truth, heard, autojunk=False)
    return len(truth) - sum(block.size for block in matcher.get_matching_blocks())


def latencies(truth: Heard, heard: Heard) -> list[float]:
    """Return how late each final of the truth came, or how long a missing one was waited for."""
    return [
        next(
            (late for at, late in heard.finals.items() if abs(at - endpoint) < _SAME_ENDPOINT),
            heard.waited - endpoint,
        )
        for endpoint in truth.finals
        if endpoint >= heard.counts_from
    ]


class Answer(StrEnum):
    """What a newcomer's attempts came to."""

    LET_IN = "let in"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A new caller. `first`: what the first attempt met; `let_in`: seconds from it until in."""

    first: Answer
    answered: float
    """Seconds until the first attempt was answered, or given up."""
    let_in: float | None
    retry_after: float = 0.0
    reasons: tuple[str, ...] = ()
    """Of its refusals."""

    def in_time(self, bounds: Bounds) -> bool:
        """Tell whether it was let in when it should have been."""
        return self.let_in is not None and self.let_in <= self.retry_after + bounds.newcomer_more


@dataclass(slots=True, kw_only=True)
class Footprint:
    """The gateway's size, and the logs of all processes, around an attack; memory in MB."""

    before: float = 0.0
    peak: float = 0.0
    after: float = 0.0
    redis_before: float = 0.0
    redis_peak: float = 0.0
    descriptors_before: int = 0
    descriptors_peak: int = 0
    descriptors_after: int = 0
    cpu: float = 0.0
    """Of a core, by the gateway during the attack."""
    log_lines: int = 0
    log_bytes: int = 0
    tracebacks: int = 0
    secrets: int = 0
    """Log lines with a key or token."""
    events: Counter[str] = field(default_factory=Counter)
    """Log lines by event, the most frequent."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One attack and what became of everybody."""

    attack: str
    seconds: float
    before: list[float] = field(default_factory=list)
    """Endpoint to final of each of the neighbours' utterances, undisturbed."""
    during: list[float] = field(default_factory=list)
    words: int = 0
    lost: int = 0
    failures: list[str] = field(default_factory=list)
    """Of the neighbours."""
    newcomers: list[Newcomer] = field(default_factory=list)
    footprint: Footprint = field(default_factory=Footprint)
    attacker: Mapping[str, Any] = field(default_factory=dict)
    logs: str = ""
    """Where the processes' logs are, where they were kept."""
    problems: list[str] = field(default_factory=list)
    """What is broken beyond any bound: a process that died, an attacker that did not attack."""

    @property
    def p95_before(self) -> float | None:
        """None without any final."""
        return percentile(self.before, 95) if self.before else None

    @property
    def p95_during(self) -> float | None:
        """None without any final that was due."""
        return percentile(self.during, 95) if self.during else None

    def count(self, answer: Answer) -> int:
        """How many newcomers met this first."""
        return sum(each.first is answer for each in self.newcomers)


def broken(outcome: Outcome, bounds: Bounds) -> Iterator[str]:
    """Yield what an outcome breaks, a phrase each."""
    yield from outcome.problems
    before, during = outcome.p95_before, outcome.p95_during
    if before is None or during is None:
        yield "no final of a neighbour to be measured"
    else:
        most = max(bounds.p95_ratio * before, before + bounds.p95_more)
        if during > most:
            yield f"p95 {1e3 * during:.0f} ms of at most {1e3 * most:.0f}"
    if outcome.lost:
        yield f"{outcome.lost} of {outcome.words} words lost"
    yield from (f"neighbour: {failure}" for failure in outcome.failures)
    late = sum(not each.in_time(bounds) for each in outcome.newcomers)
    if late:
        yield f"{late} of {len(outcome.newcomers)} newcomers not in in time"
    for what, times in outcome.attacker.get("breaches", {}).items():
        yield f"{times} times: {what}"
    yield from _unanswered(outcome.attacker, bounds)
    yield from _traces(outcome.footprint, outcome.seconds, bounds)


def _unanswered(attacker: Mapping[str, Any], bounds: Bounds) -> Iterator[str]:
    statuses = Counter(attacker.get("statuses", {}))
    if statuses[NO_STATUS] > bounds.unanswered * statuses.total():
        yield f"{statuses[NO_STATUS]} of {statuses.total()} requests without an answer"


def _traces(footprint: Footprint, seconds: float, bounds: Bounds) -> Iterator[str]:
    grown = footprint.after - footprint.before
    if grown > bounds.memory_mb:
        yield f"memory {grown:+.0f} MB after it"
    if footprint.tracebacks:
        yield f"{footprint.tracebacks} tracebacks"
    if footprint.secrets:
        yield f"{footprint.secrets} log lines with a key"
    lines = bounds.log_lines + bounds.log_lines_per_s * seconds
    if footprint.log_lines > lines:
        yield f"{footprint.log_lines} log lines of at most {lines:.0f}"
