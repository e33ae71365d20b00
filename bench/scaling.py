"""How many processes a number of calls needs: a calculation from measured costs.

    python -m bench scaling [--calls N] [--from DIR] [--json FILE]

DIR (default: build/bench) holds what `bench all` wrote. Each line of the result is one kind of
process: its cost per call, how many N calls need when each stays below 60 % of a core, and how many
calls one carries. The kind that carries least must be multiplied first. For kinds that cannot
simply be multiplied, the first limit is named.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil, inf
from pathlib import Path

from bench import record
from bench.options import parser_of

_BUSY = 0.6
"""Share of a core that a process is planned to use: the rest is for bursts and for failures."""
_FRAMES = 1000 / 32
_SPEECH = 0.5
"""Share of a line's time with speech, which is recognised."""
_SPEED = 32_000
"""Bytes a second of PCM16 at 16 kHz, the format of the bus."""
_OVERHEAD = 1.12
"""Of a frame of 32 ms: WebSocket and TCP headers, or an entry's id and RESP."""
_OFFER_SCRIPTS = 3
_SCRIPT_US = 20.0
_UTTERANCE_S = 6.0
_KEPT_UP_MS = 1000.0
"""A run whose speech events came later than this was too much for its machine."""


@dataclass(frozen=True)
class Line:
    """One kind of process; `ms` is CPU per session-second."""

    kind: str
    ms: float
    alone: int
    """Calls that one process carries."""
    needed: int
    """Processes that all calls take."""
    memory_mb: float
    """Of all of them, where measured."""
    note: str = ""


def main(argv: Sequence[str]) -> int:
    """Print the calculation; 0."""
    parser = parser_of("scaling", __doc__)
    parser.add_argument("--calls", type=int, default=10_000, metavar="N")
    parser.add_argument("--from", type=Path, default=Path("build/bench"), dest="folder")
    options = parser.parse_args(argv)
    lines = plan(options.calls, measured(options.folder))
    traffic = bandwidth(options.calls)
    print(show(options.calls, lines, traffic))
    if options.json is not None:
        report = {"calls": options.calls, "lines": [asdict(each) for each in lines], **traffic}
        record.write(options.json, report)
    return 0


def measured(folder: Path) -> dict[str, float]:
    """Return the costs that the plan is made from, ms per session-second and kB, MB per call."""
    bus = [row for row in record.read(folder / "bus-talk.json") if row["v"][0] < _KEPT_UP_MS][-1]
    vad = [row for row in record.read(folder / "vad.json") if row["way"] == "ours"][-1]
    ours = [row for row in record.read(folder / "denoise.json")["costs"] if row["way"] == "ours"]
    denoise = min(ours, key=lambda row: float(row["milliseconds"]))
    live = record.read(folder / "live.json")["runs"][-1]
    sessions = bus["sessions"]
    return {
        "gateway": bus["cpu"]["gateway"],
        "redis": bus["cpu"]["redis"],
        "vad": bus["cpu"]["vad"] + vad["microseconds"] * _FRAMES / 1000,
        "asr bus": bus["cpu"]["asr"],
        "denoise": denoise["milliseconds"],
        "whisper": live["asr_cpu_ms"],
        "gateway MB": bus["resident_mb"]["gateway"] / sessions,
        "vad MB": bus["resident_mb"]["vad"] / sessions,
        "redis MB": bus["redis_kb_per_session"] / 1000,
    }


def plan(calls: int, cost: Mapping[str, float]) -> list[Line]:
    """Return how many processes of each kind `calls` calls need."""

    def line(kind: str, ms: float, memory_mb: float = 0.0, note: str = "") -> Line:
        alone = int(1000 * _BUSY / ms)
        return Line(kind, ms, alone, ceil(calls / alone), calls * memory_mb, note)

    registry_ms = _OFFER_SCRIPTS * _SCRIPT_US / 1000 / _UTTERANCE_S
    return [
        line("gateway", cost["gateway"], cost["gateway MB"]),
        line("Redis master (Cluster shards)", cost["redis"], cost["redis MB"]),
        line("VAD worker", cost["vad"], cost["vad MB"]),
        line(
            "ASR worker, bus only", cost["asr bus"], 0.0, "one per GPU or more: the engine decides"
        ),
        line("ASR worker, tiny.en on one core", cost["whisper"], 0.0, "the CPU engine"),
        line("denoise worker, if all ask for it", cost["denoise"]),
        line("{asr}:work, one key", registry_ms, 0.0, "does not split: the last limit"),
    ]


def bandwidth(calls: int) -> dict[str, float]:
    """Return the traffic of `calls` calls, Gbit/s."""
    audio = calls * _SPEED * _OVERHEAD * 8 / 1e9
    return {
        "clients to gateways": audio,
        "gateways to Redis": audio,
        "Redis to VAD": audio,
        "Redis to ASR": audio * _SPEECH,
        "Redis to denoise and back, if all ask for it": 2 * audio,
        "Redis to one replica each": audio,
    }


def show(calls: int, lines: Sequence[Line], traffic: Mapping[str, float]) -> str:
    """Return the calculation as text."""
    rows = [f"{calls} calls, no process above {_BUSY:.0%} of a core"]
    rows.append(f"{'':36}{'ms/call':>9}{'calls each':>12}{'needed':>8}{'GB':>7}")
    for each in lines:
        memory = f"{each.memory_mb / 1000:7.1f}" if each.memory_mb else f"{'':7}"
        row = f"{each.kind:36}{each.ms:9.3f}{each.alone:12}{each.needed:8}{memory}  {each.note}"
        rows.append(row.rstrip())
    rows += [f"{name:46}{each:7.2f} Gbit/s" for name, each in traffic.items()]
    single = min((each for each in lines if each.kind.startswith("Redis")), key=lambda e: e.alone)
    rows.append(
        f"first bottleneck: one Redis, at {single.alone} calls; from there on Cluster shards"
    )
    last = min((each.alone for each in lines if "one key" in each.kind), default=inf)
    rows.append(f"last bottleneck: the work items of one stage on one shard, at {last} calls")
    return "\n".join(rows)
