"""Where the time goes: stacks sampled from running processes, summed up as text.

    python -m bench profile [--sessions N] [--calls N] [--seconds S] [--out DIR] [--json FILE]

Gateway and VAD worker under `--sessions` lines of the bus benchmark (`talk`), with dummy engines:
what is left is ours. The ASR worker under `--calls` live calls, with its engine.

`total` counts a function wherever it is on the stack, `self` where it is on top. Time in the
event loop's own code and in system calls shows as `Runner.run`, with some of the waiting: not every
kernel lets a sampler tell. The sampler, py-spy, reads the processes' memory from outside; on Linux
that takes the right to trace them.
"""

import asyncio
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import uvloop

from bench import record
from bench.bus import CONFIG, PATTERNS, open_clients, running_stack
from bench.live import elastic_stack, load
from bench.load import Pattern, pace
from bench.options import parser_of
from callscribe.local.stack import running_stack as live_stack

_RATE = 200
_MOST = 20
"""Functions that are named of each process and kind of count."""
_LINE = re.compile(r":\d+\)$")
_WARM_UP_S = 3.0
_WATCHED = ("gateway", "vad")


def main(argv: Sequence[str]) -> int:
    """Sample and print; the sampler's exit code when it fails."""
    parser = parser_of("profile", __doc__)
    parser.add_argument("--sessions", type=int, default=500, metavar="N")
    parser.add_argument("--calls", type=int, default=8, metavar="N")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), metavar="DIR")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    stacks = uvloop.run(_sample(options.sessions, options.seconds, options.out))
    stacks |= asyncio.run(_sample_live(options.calls, options.seconds, options.out))
    figures = {name: weigh(path.read_text().splitlines()) for name, path in stacks.items()}
    for name, profile in figures.items():
        print(summary(name, profile))
    if options.json is not None:
        load = {"sessions": options.sessions, "calls": options.calls}
        record.write(options.json, {**load, "processes": figures})
    return 0


async def _sample(sessions: int, seconds: float, out: Path) -> dict[str, Path]:
    """Return the file of stacks of each process, sampled under load."""
    pattern = Pattern(*PATTERNS["talk"])
    files = {name: out / f"{name}.stacks" for name in _WATCHED}
    async with running_stack(sessions) as stack:
        clients = await open_clients(stack.ports, pattern, sessions, CONFIG)
        try:
            messages = round((_WARM_UP_S + seconds + 1) / pattern.message_s)
            load = asyncio.create_task(pace(clients, pattern, perf_counter(), 0, messages))
            await asyncio.sleep(_WARM_UP_S)
            await asyncio.gather(
                *(_record(stack.pids[name][0], seconds, path) for name, path in files.items())
            )
            await load
        finally:
            for client in clients:
                client.close()
    return files


async def _sample_live(calls: int, seconds: float, out: Path) -> dict[str, Path]:
    """Return the file of the ASR worker's stacks, sampled while it recognises calls."""
    path = out / "asr.stacks"
    async with live_stack(elastic_stack()) as stack:
        spoken = asyncio.create_task(load(stack, calls, 2 * _WARM_UP_S + seconds + 2, []))
        await asyncio.sleep(2 * _WARM_UP_S)
        await _record(stack.pids["asr"], seconds, path)
        await spoken
    return {"asr": path}


def _sampler() -> str:
    """Return where py-spy is: beside this Python, whose folder need not be on PATH, or there."""
    beside = Path(sys.executable).parent / "py-spy"
    return str(beside) if beside.exists() else "py-spy"


async def _record(pid: int, seconds: float, path: Path) -> None:
    command = [_sampler(), "record", "--pid", str(pid), "--duration", str(round(seconds))]
    command += ["--rate", str(_RATE), "--format", "raw", "--output", str(path)]
    sampler = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, trouble = await sampler.communicate()
    if sampler.returncode:
        raise RuntimeError(f"py-spy: {trouble.decode().strip()}")


def weigh(stacks: Sequence[str]) -> dict[str, Any]:
    """Return the heaviest functions of sampled stacks, `frame;frame;frame count` each, in percent.

    Lines of one function count together: they move with every change of the file.
    """
    alone: Counter[str] = Counter()
    total: Counter[str] = Counter()
    samples = 0
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        stack = [_LINE.sub(")", frame) for frame in frames.split(";")]
        samples += int(count)
        alone[stack[-1]] += int(count)
        for frame in set(stack):
            total[frame] += int(count)
    shares = {
        kind: {
            frame: round(100 * count / samples, 1)
            for frame, count in counts.most_common()
            if count < samples
        }
        for kind, counts in (("total", total), ("self", alone))
    }
    return {
        "samples": samples,
        **{kind: dict([*each.items()][:_MOST]) for kind, each in shares.items()},
    }


def summary(name: str, profile: dict[str, Any]) -> str:
    """Return a profile as lines."""
    lines = [f"{name}: {profile['samples']} samples"]
    for kind in ("total", "self"):
        lines.append(f"  {kind}")
        lines += [f"  {share:5.1f} %  {frame}" for frame, share in profile[kind].items()]
    return "\n".join(lines) + "\n"
