"""The bus benchmark's table: each run beside the bare chain that set the mark.

The mark is a chain of the same shape without a product around it (no work items per utterance, no
sessions, no metrics; sockets, streams, doorbells, fenced ids and checkpoints only) at the same
intervals, a 16 ms tick and a 5 ms flush, on two virtual cores of an AMD EPYC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

PROCESSES = ("gateway", "vad", "asr", "redis", "callers")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One run. CPU: ms per session-second by process; latencies: ms at p50 and p99."""

    sessions: int
    workers: int
    pattern: str
    message_ms: int
    seconds: float
    cpu: dict[str, float]
    machine_percent: float
    """CPU of all processes, 100 being one core."""
    v: tuple[float, float]
    r: tuple[float, float]
    late: float
    """Longest delay of the callers themselves, ms; latencies do not contain it."""
    expected: int
    lost: int
    unexpected: int
    resident_mb: dict[str, float]
    redis_kb_per_session: float
    redis: str = "none"
    """What protects Redis, see `bench.redis_server`."""


class Mark(NamedTuple):
    """CPU in ms per session-second in the order of `PROCESSES`, latencies in ms."""

    cpu: tuple[float, ...]
    percent: float
    v: tuple[float, float]
    r: tuple[float, float]


MARKS = {
    50: Mark((1.07, 0.48, 0.27, 0.74, 0.84), 17, (9.4, 19.7), (10.1, 21.0)),
    200: Mark((0.65, 0.30, 0.19, 0.52, 0.48), 43, (11.5, 21.7), (12.4, 23.1)),
    500: Mark((0.48, 0.23, 0.12, 0.41, 0.35), 80, (14.3, 24.6), (15.6, 26.1)),
}

_MOST_LATE, _MOST_V = 100.0, 1000.0
"""Beyond these (ms) a run did not keep up, and a system that does less uses less."""


def kept_up(row: Figures) -> bool:
    """Tell whether a run kept the pace of speech; if not, the machine was too small."""
    return row.late <= _MOST_LATE and row.v[0] < _MOST_V


_HEADER = (
    f"{'calls':>8} |" + "".join(f"{name:>9}" for name in PROCESSES) + " |  CPU % |"
    f"{'V p50':>7}{'p99':>7} |{'R p50':>7}{'p99':>7} | events lost other\n"
    f"{'':>8} |{'ms of CPU per session-second':^45} |        |{'ms':>14} |{'ms':>14} |"
)


def show(rows: Sequence[Figures], *, header: bool) -> str:
    """Return the runs as lines; a run that kept up with its mark and the ratio to it, if any."""
    lines = [_HEADER] if header else []
    for row in rows:
        cpu = [row.cpu[name] for name in PROCESSES]
        counts = f"{row.expected:>7} {row.lost:>4} {row.unexpected:>5}"
        values = (*cpu, row.machine_percent, *row.v, *row.r)
        label = f"{row.sessions}" if row.redis == "none" else f"{row.sessions} {row.redis}"
        lines.append(f"{label:>8} |{_numbers(values)} |{counts}")
        if row.lost or not kept_up(row):
            lines.append(f"{'':>8} | fell behind (machine too busy or too small): compare nothing")
        elif _marked(row) and (mark := MARKS.get(row.sessions)):
            reference = (*mark.cpu, mark.percent, *mark.v, *mark.r)
            lines.append(f"{'mark':>8} |{_numbers(reference)} |")
            ratios = [ours / theirs for ours, theirs in zip(values, reference, strict=True)]
            lines.append(f"{'ratio':>8} |{_numbers(ratios)} |")
        memory = ", ".join(f"{name} {size:.0f}" for name, size in row.resident_mb.items())
        lines.append(
            f"{'':>8} | resident MB: {memory}; Redis {row.redis_kb_per_session:.0f} kB a session;"
            f" callers late by {row.late:.0f} ms at most"
        )
    return "\n".join(lines)


def _marked(row: Figures) -> bool:
    shape = (row.workers, row.pattern, row.message_ms, row.redis)
    return shape == (1, "dense", 32, "none")


def _numbers(values: Sequence[float]) -> str:
    cpu, percent, latencies = values[:5], values[5], values[6:]
    text = "".join(f"{value:>9.2f}" for value in cpu)
    digits = 2 if percent < 10 else 0
    text += f" |{percent:>7.{digits}f} |"
    first, second = latencies[:2], latencies[2:]
    return (
        text + "".join(f"{v:>7.1f}" for v in first) + " |" + "".join(f"{v:>7.1f}" for v in second)
    )
