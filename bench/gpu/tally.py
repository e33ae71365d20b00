"""What was measured while lines were held, and what it comes to."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from asr_worker.api import Priority
from asr_worker.places import Decoded
from bench.accounting import quantile

FINAL_WITHIN = 0.5
BEHIND_WITHIN = 1.5
"""Seconds, at p95: beyond either, a run did not hold its lines in real time."""


@dataclass
class Tally:
    """Samples of one run, in seconds."""

    first: list[float] = field(default_factory=list)
    """From an utterance's first sample until any text is shown."""
    behind: list[float] = field(default_factory=list)
    """How old the newest audio in the text shown is, just before newer text is shown: the worst
    that a reader sees. With a partial every 0.5 s that is 0.5 s and the time of a decode."""
    final: list[float] = field(default_factory=list)
    """From the decision that an utterance ended until its final."""
    decodes: list[float] = field(default_factory=list)
    waits: dict[bool, list[float]] = field(default_factory=lambda: {True: [], False: []})
    """In the worker's queue: of decodes for an end (True), of partials (False)."""
    prompt: int = 0
    cached: int = 0
    generated: int = 0
    finals: int = 0
    """Utterances that came to their end."""
    dropped: int = 0
    failed: int = 0

    def decoded(self, decoded: Decoded, priority: Priority) -> None:
        """Note one decode."""
        self.decodes.append(decoded.took)
        self.waits[priority is Priority.FINAL].append(decoded.waited)
        usage = decoded.hypothesis.usage
        if usage is not None:
            self.prompt += usage.prompt
            self.cached += usage.cached
            self.generated += usage.generated


@dataclass(frozen=True, slots=True)
class Spread:
    """Quantiles in ms; None where nothing was measured."""

    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One run: `sessions` lines for `seconds` in one of the ways."""

    way: str
    sessions: int
    seconds: float
    held: bool
    utterances: int
    first: Spread
    behind: Spread
    final: Spread
    decode: Spread
    wait_final: Spread
    wait_partial: Spread
    generated_per_s: float
    prompt_per_s: float
    cached_percent: float
    dropped: int
    failed: int
    unfinished: int
    """Requests left in vLLM after everything was abandoned at the end."""
    worker_cpu: float
    """CPU in ms per session-second, that of the lines themselves included."""
    engine_cpu: float
    """Idem, of vLLM's processes."""
    late: float
    """Longest delay of the lines themselves, in ms; latencies contain it."""


def figures(
    tally: Tally,
    way: str,
    sessions: int,
    seconds: float,
    *,
    cpu: tuple[float, float],
    unfinished: int,
    late: float,
) -> Figures:
    """Return what a run comes to; `cpu` is what worker and engine used, `late` in seconds."""
    final, behind = quantile(tally.final, 0.95), quantile(tally.behind, 0.95)
    return Figures(
        way=way,
        sessions=sessions,
        seconds=seconds,
        held=final < FINAL_WITHIN and behind < BEHIND_WITHIN and not tally.failed,
        utterances=tally.finals,
        first=spread(tally.first),
        behind=spread(tally.behind),
        final=spread(tally.final),
        decode=spread(tally.decodes),
        wait_final=spread(tally.waits[True]),
        wait_partial=spread(tally.waits[False]),
        generated_per_s=tally.generated / seconds,
        prompt_per_s=tally.prompt / seconds,
        cached_percent=100 * tally.cached / max(1, tally.prompt),
        dropped=tally.dropped,
        failed=tally.failed,
        unfinished=unfinished,
        worker_cpu=1e3 * cpu[0] / sessions / seconds,
        engine_cpu=1e3 * cpu[1] / sessions / seconds,
        late=1e3 * late,
    )


def spread(values: Sequence[float]) -> Spread:
    """Return the quantiles of seconds."""
    return Spread(*(_milliseconds(list(values), share) for share in (0.5, 0.95, 0.99)))


def _milliseconds(values: list[float], share: float) -> float | None:
    value = quantile(values, share)
    return None if math.isnan(value) else round(1e3 * value, 1)
