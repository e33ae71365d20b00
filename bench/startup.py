"""How long it takes to start: what each service imports, and the whole local stack.

    python -m bench startup [--repeat N] [--json FILE] [--short]

Import times are those of a fresh interpreter, less that of one which imports nothing (the baseline,
in the same run), medians of interleaved repeats, in CPU seconds and with warm disk caches. The
stack is `callscribe up` with the embedded engines; what counts is when every process is ready.
"""

import asyncio
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench import record
from bench.options import parser_of
from bench.stack import local_stack
from callscribe.local.stack import running_stack

_SERVICES = {
    "gateway": "gateway.__main__",
    "vad": "vad_worker.__main__",
    "denoise": "denoise_worker.__main__",
    "asr": "asr_worker.__main__",
    "command": "callscribe.cli",
}
_MODELS = {
    "vad": "from vad_worker.model import SileroVad; SileroVad()",
    "denoise": "from denoise_worker.model import DeepFilter; DeepFilter()",
    "asr": "import faster_whisper",
}
_NOTHING = "nothing"
_GOAL_READY_S = 6.0


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 unless something does not start."""
    parser = parser_of("startup", __doc__, short="each once")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args(argv)
    repeat = 1 if options.short else options.repeat
    imports = _imports(repeat)
    ready = [asyncio.run(_ready()) for _ in range(repeat)]
    report: dict[str, Any] = {
        "cpu_s": imports,
        "ready_s": {
            name: statistics.median(each[name] for each in ready) for name in sorted(ready[0])
        },
        "all_ready_s": statistics.median(max(each.values()) for each in ready),
    }
    _print(report)
    if options.json is not None:
        record.write(options.json, report)
    return 0


def _imports(repeat: int) -> dict[str, float]:
    """Return CPU seconds by what is imported, those of an empty interpreter taken off the rest."""
    programs = {_NOTHING: "pass"}
    programs |= {name: f"import {module}" for name, module in _SERVICES.items()}
    programs |= {f"{name} model": program for name, program in _MODELS.items()}
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    took: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeat + 1):
        for name, program in programs.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", program], check=True, env=env)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
            took[name].append(used)
    # The first round warms the disk's cache.
    median = {name: statistics.median(each[1:]) for name, each in took.items()}
    empty = median[_NOTHING]
    return {name: each - (empty if name != _NOTHING else 0.0) for name, each in median.items()}


async def _ready() -> dict[str, float]:
    """Return seconds until each process of the local stack was ready, and `command`: the call."""
    began = time.monotonic()
    async with running_stack(local_stack(denoise=1)) as stack:
        return {**stack.ready_after, "all": time.monotonic() - began}


def _print(report: dict[str, Any]) -> None:
    print(f"{'import':>16} {'CPU s':>7} {'x empty':>8}")
    empty = report["cpu_s"][_NOTHING]
    for name, each in report["cpu_s"].items():
        print(f"{name:>16} {each:>7.2f} {each / empty:>8.1f}")
    print(f"\n{'ready after':>16} {'s':>7}")
    for name, each in report["ready_s"].items():
        print(f"{name:>16} {each:>7.2f}")
    ratio = report["all_ready_s"] / _GOAL_READY_S
    print(f"{'goal, all':>16} {_GOAL_READY_S:>7.2f}  ratio {ratio:.2f}")
