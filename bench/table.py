"""The bus benchmark's tables: each run, and ours beside the bare chain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

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
    follower: str = "none"
    """Who follows every call beside its caller, see `bench.followers`."""
    told: float = 0.0
    """Messages that a follower was told, per session-second."""
    bare: bool = False
    """Whether it is the bare chain, see `bench.bare`."""


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
    """Return the runs as lines."""
    lines = [_HEADER] if header else []
    for row in rows:
        cpu = [row.cpu[name] for name in PROCESSES]
        counts = f"{row.expected:>7} {row.lost:>4} {row.unexpected:>5}"
        values = (*cpu, row.machine_percent, *row.v, *row.r)
        named = [each for each in (row.redis, row.follower) if each != "none"]
        label = " ".join([f"{row.sessions}", *(["bare"] if row.bare else []), *named])
        lines.append(f"{label:>8} |{_numbers(values)} |{counts}")
        if row.lost or not kept_up(row):
            lines.append(f"{'':>8} | fell behind (machine too busy or too small): compare nothing")
        memory = ", ".join(f"{name} {size:.0f}" for name, size in row.resident_mb.items())
        lines.append(
            f"{'':>8} | resident MB: {memory}; Redis {row.redis_kb_per_session:.0f} kB a session;"
            f" callers late by {row.late:.0f} ms at most"
        )
    return "\n".join(lines)


def ratios(rows: Sequence[Figures]) -> dict[int, Mapping[str, float]]:
    """Return how many times the bare chain's CPU ours takes, by calls and process.

    Both are medians of the runs that kept up; without any of either, the calls are left out.
    """
    found: dict[int, Mapping[str, float]] = {}
    for sessions in dict.fromkeys(row.sessions for row in rows):
        runs = [row for row in rows if row.sessions == sessions and kept_up(row)]
        bare = [row.cpu for row in runs if row.bare]
        ours = [row.cpu for row in runs if not row.bare and row.follower == "none"]
        if bare and ours:
            found[sessions] = {
                name: median(each[name] for each in ours) / median(each[name] for each in bare)
                for name in PROCESSES
            }
    return found


def beside(rows: Sequence[Figures]) -> str:
    """Return `ratios` as lines."""
    lines = ["ours, in units of the bare chain's:"]
    for sessions, each in ratios(rows).items():
        shown = "".join(f"{each[name]:>9.2f}" for name in PROCESSES)
        lines.append(f"{sessions:>8} |{shown}")
    return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one follower of each call costs the gateways, beside calls without one."""

    times: float
    """The gateways' CPU, in units of that without."""
    event_us: float
    """CPU of a message, us; not a number if none was told."""
    kb: float
    """Memory of a follower, kB."""


def costs(rows: Sequence[Figures]) -> dict[tuple[int, str], Cost]:
    """Return what followers cost, by calls and kind: medians of the runs that kept up."""
    found: dict[tuple[int, str], Cost] = {}
    for sessions, kind in dict.fromkeys((row.sessions, row.follower) for row in rows):
        runs = [row for row in rows if row.sessions == sessions and kept_up(row) and not row.bare]
        alone = [row for row in runs if row.follower == "none"]
        there = [row for row in runs if row.follower == kind]
        if kind == "none" or not (alone and there):
            continue
        cpu, before = (median(row.cpu["gateway"] for row in each) for each in (there, alone))
        held, empty = (
            median(row.resident_mb["gateway"] for row in each) for each in (there, alone)
        )
        told = median(row.told for row in there)
        event = 1e3 * (cpu - before) / told if told else float("nan")
        found[sessions, kind] = Cost(
            times=cpu / before, event_us=event, kb=1e3 * (held - empty) / sessions
        )
    return found


def followed(rows: Sequence[Figures]) -> str:
    """Return `costs` as lines."""
    lines = ["what a follower of each call costs the gateway:"]
    for (sessions, kind), cost in costs(rows).items():
        lines.append(
            f"{sessions:>8} | {kind:<9} CPU {cost.times:.2f} times,"
            f" {cost.event_us:.0f} us an event, {cost.kb:.0f} kB"
        )
    return "\n".join(lines)


def _numbers(values: Sequence[float]) -> str:
    cpu, percent, latencies = values[:5], values[5], values[6:]
    text = "".join(f"{value:>9.2f}" for value in cpu)
    digits = 2 if percent < 10 else 0
    text += f" |{percent:>7.{digits}f} |"
    first, second = latencies[:2], latencies[2:]
    return (
        text + "".join(f"{v:>7.1f}" for v in first) + " |" + "".join(f"{v:>7.1f}" for v in second)
    )
