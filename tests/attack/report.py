"""What a run showed, as a table and as JSON."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from callscribe.client.latency import percentile
from tests.attack.registry import ATTACKS
from tests.attack.scoring import Answer, Bounds, Outcome, broken

_COLUMNS = (
    ("attack", 22),
    ("p95 ms", 13),
    ("lost", 6),
    ("new in/ref/none", 15),
    ("in s", 6),
    ("MB before>peak>after", 20),
    ("files", 11),
    ("log lines", 9),
    ("tb", 4),
    ("sent", 18),
    ("cpu", 9),
    ("met", 30),
)


def heading() -> str:
    """Return the table's first line."""
    return " ".join(f"{name:{width}}" for name, width in _COLUMNS).rstrip()


def row(outcome: Outcome, bounds: Bounds) -> str:
    """Return an attack's line of the table, with what it broke below it."""
    seen, attacker = outcome.footprint, outcome.attacker
    cells = (
        outcome.attack,
        f"{_ms(outcome.p95_before)}>{_ms(outcome.p95_during)}",
        f"{outcome.lost}/{outcome.words}",
        "/".join(str(outcome.count(answer)) for answer in Answer),
        _seconds(worst_let_in(outcome)),
        f"{seen.before:.0f}>{seen.peak:.0f}>{seen.after:.0f}",
        f"{seen.descriptors_before}>{seen.descriptors_peak}>{seen.descriptors_after}",
        str(seen.log_lines),
        str(seen.tracebacks),
        f"{attacker.get('messages', 0)} {size(attacker.get('sent', 0))}",
        f"{attacker.get('cpu_s', 0)}/{seen.cpu:.2f}",
        met(attacker),
    )
    line = " ".join(f"{cell:{width}}" for cell, (_, width) in zip(cells, _COLUMNS, strict=True))
    harm = [f"    BROKEN {each}" for each in broken(outcome, bounds)]
    return "\n".join([line.rstrip(), *harm, *([f"    logs: {outcome.logs}"] * bool(outcome.logs))])


def worst_let_in(outcome: Outcome) -> float | None:
    """Return the longest time until a newcomer was let in, None when one never was."""
    times = [each.let_in for each in outcome.newcomers]
    known = [each for each in times if each is not None]
    return max(known) if len(known) == len(times) and known else None


def met(attacker: Any) -> str:
    """Return what came back to an attacker, the most frequent first."""
    return " ".join(f"{name}:{count}" for name, count in answers(attacker).most_common(4))


def answers(attacker: Any) -> Counter[str]:
    """Count what came back to an attacker: statuses, close codes and error codes."""
    counts: Counter[str] = Counter()
    for kind in ("statuses", "closes", "errors"):
        counts.update(attacker.get(kind) or {})
    return counts


def summary(outcomes: Sequence[Outcome], bounds: Bounds) -> str:
    """Return the verdict in one line."""
    bad = [each.attack for each in outcomes if any(broken(each, bounds))]
    good = len(outcomes) - len(bad)
    if not bad:
        return f"OK: {good} attacks harmed nobody"
    return f"FAILED: {good} of {len(outcomes)} attacks harmed nobody; {', '.join(bad)} did"


def as_json(outcomes: Sequence[Outcome], bounds: Bounds) -> dict[str, Any]:
    """Return all figures for a file; times in seconds, memory in MB."""
    return {
        "summary": summary(outcomes, bounds),
        "attacks": {each.attack: dict(_figures(each, bounds)) for each in outcomes},
    }


def _figures(outcome: Outcome, bounds: Bounds) -> Iterator[tuple[str, Any]]:
    seen, attack = outcome.footprint, ATTACKS[outcome.attack]
    yield "kin", attack.kin
    yield "about", attack.about
    yield "seconds", outcome.seconds
    yield (
        "endpoint_to_final",
        {"before": _spread(outcome.before), "during": _spread(outcome.during)},
    )
    yield "words", {"said": outcome.words, "lost": outcome.lost}
    yield (
        "newcomers",
        {
            **{answer.value: outcome.count(answer) for answer in Answer},
            "answered_s": _spread([each.answered for each in outcome.newcomers]),
            "let_in_s": _spread([e.let_in for e in outcome.newcomers if e.let_in is not None]),
            "never_in": sum(each.let_in is None for each in outcome.newcomers),
            "not_in_time": sum(not each.in_time(bounds) for each in outcome.newcomers),
            "reasons": dict(Counter(reason for e in outcome.newcomers for reason in e.reasons)),
        },
    )
    yield "gateway_mb", _rounded(before=seen.before, peak=seen.peak, after=seen.after)
    yield "redis_mb", _rounded(before=seen.redis_before, peak=seen.redis_peak)
    yield "gateway_cores", round(seen.cpu, 3)
    yield (
        "descriptors",
        {
            "before": seen.descriptors_before,
            "peak": seen.descriptors_peak,
            "after": seen.descriptors_after,
        },
    )
    yield (
        "log",
        {
            "lines": seen.log_lines,
            "bytes": seen.log_bytes,
            "tracebacks": seen.tracebacks,
            "secrets": seen.secrets,
            "events": dict(seen.events),
        },
    )
    yield "attacker", dict(outcome.attacker)
    yield "neighbour_failures", outcome.failures
    yield "logs", outcome.logs
    yield "broken", list(broken(outcome, bounds))


def _spread(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {"n": 0}
    p50, p95 = percentile(values, 50), percentile(values, 95)
    return {"n": len(values), **_rounded(p50=p50, p95=p95, max=max(values))}


def _rounded(**values: float) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{1e3 * value:.0f}"


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f}"


def size(sent: Any) -> str:
    """Return a number of bytes with its unit."""
    return f"{sent / 1e6:.1f} MB" if sent >= 100_000 else f"{sent / 1e3:.1f} kB"
