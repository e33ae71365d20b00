"""How many live calls this machine recognises, and how late, with the embedded CPU engine.

    python -m bench live [--calls N ...] [--seconds S] [--audio FILE ...] [--json FILE] [--short]

The whole local stack as `callscribe up` starts it, without admission, under `callscribe loadtest`:
callers with real speech at the pace of speech, on the same machine. The baseline is the same engine
decoding the same recordings offline. CPU is in seconds per second of calls, so that the reciprocal
is how many calls a core carries.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import record
from bench.accounting import cpu_seconds
from bench.offline import decode
from bench.options import parser_of
from bench.recordings import expand, references
from bench.stack import local_stack
from callscribe.loadtest.scoring import word_errors
from callscribe.local.stack import Stack, StackOptions, running_stack

_MEASURES = ("first_partial", "partial_lag", "endpoint_to_final", "finalisation")
_GOALS_MS = {"endpoint_to_final": 500, "finalisation": 2000}


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; non-zero when a call failed or an utterance was lost."""
    parser = parser_of("live", __doc__, short="two calls for 15 seconds")
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 8, 16, 32], metavar="N")
    parser.add_argument("--seconds", type=float, default=50.0, metavar="S")
    parser.add_argument("--audio", type=Path, nargs="+", default=[], metavar="FILE")
    options = parser.parse_args(argv)
    sizes, seconds = ([2], 15.0) if options.short else (options.calls, options.seconds)
    offline = asyncio.run(_offline(options.audio))
    print(
        f"offline, in one piece: {offline['wer_percent']:.1f} % word errors,"
        f" {offline['cpu_s_per_s']:.3f} s of CPU per second of audio\n"
    )
    print(_HEADER)
    runs = []
    for calls in sizes:
        runs.append(asyncio.run(_run(calls, seconds, options.audio)))
        print(_row(runs[-1]), flush=True)
    if options.json is not None:
        report = {"offline": offline, "runs": runs}
        record.write(options.json, report)
    return 0 if all(run["complete"] and not run["lost"] for run in runs) else 1


def elastic_stack() -> StackOptions:
    """Return the local stack, which admits every call."""
    return local_stack(ASR_LOAD="0")


async def _offline(paths: Sequence[Path]) -> dict[str, float]:
    decoded = await decode(expand(paths))
    known = {path: texts for path in decoded if (texts := references(path)) is not None}
    said = [text for texts in known.values() for text in texts]
    heard = [text for path in known for text in decoded[path].texts]
    wrong, words = word_errors(said, heard)
    audio = sum(each.audio_s for each in decoded.values())
    return {
        "wer_percent": 100 * wrong / max(1, words),
        "cpu_s_per_s": sum(each.cpu_s for each in decoded.values()) / audio,
    }


async def _run(calls: int, seconds: float, audio: Sequence[Path]) -> dict[str, Any]:
    """Return the figures of `calls` calls on a stack of their own."""
    async with running_stack(elastic_stack()) as stack:
        before = _cpu(stack)
        report = await load(stack, calls, seconds, audio)
        after = _cpu(stack)
    spoken = report["calls"]["audio_s"]
    return {
        "calls": calls,
        "complete": report["complete"],
        "lost": report["results"]["lost_utterances"] + report["words"]["lost_passages"],
        "wer_percent": 100 * (report["words"]["wer"] or 0.0),
        "partials_per_call_s": report["results"]["partials"] / spoken,
        "cpu_s_per_s": {name: (after[name] - before[name]) / spoken for name in before},
        "asr_cpu_ms": 1000 * (after["asr"] - before["asr"]) / spoken,
        "latency_ms": {
            name: {
                key: value if key == "count" else 1000 * value
                for key, value in report["latency_s"][name].items()
            }
            for name in _MEASURES
        },
        "client_late_ms": 1000 * report["client"]["worst_lateness_s"],
    }


async def load(stack: Stack, calls: int, seconds: float, audio: Sequence[Path]) -> dict[str, Any]:
    """Run `callscribe loadtest` against a stack; return its figures."""
    url = stack.url.replace("http", "ws", 1) + "/ws/asr"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "load.json"
        command = [sys.executable, "-m", "callscribe", "loadtest", "--url", url]
        command += ["--sessions", f"{calls}", "--duration", f"{seconds:g}", "--language", "English"]
        command += ["--json", str(path), *(("--audio", *map(str, audio)) if audio else ())]
        tester = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        await stack.run(tester.wait())
        report: dict[str, Any] = json.loads(path.read_text())
    return report


def _cpu(stack: Stack) -> dict[str, float]:
    return {name: cpu_seconds(pid) for name, pid in stack.pids.items()}


_HEADER = (
    f"{'':>6} {'first partial':>15} {'partial':>11} {'endpoint to':>12} {'end of speech':>14}"
    f" {'word':>7} {'partials':>9} {'CPU s per s':>16}\n"
    f"{'calls':>6} {'ms p50 / p95':>15} {'behind':>11} {'final':>12} {'to final':>14}"
    f" {'errors':>7} {'a s, call':>9} {'ASR':>8}{'all':>8}  lost"
)


def _row(run: dict[str, Any]) -> str:
    pairs = [
        f"{each['p50']:.0f} / {each['p95']:.0f}" if each["count"] else "-"
        for each in (run["latency_ms"][name] for name in _MEASURES)
    ]
    cpu = run["cpu_s_per_s"]
    missed = [
        f"{name} p95 above {goal} ms"
        for name, goal in _GOALS_MS.items()
        if run["latency_ms"][name]["count"] and run["latency_ms"][name]["p95"] > goal
    ]
    return (
        f"{run['calls']:>6} {pairs[0]:>15} {pairs[1]:>11} {pairs[2]:>12} {pairs[3]:>14}"
        f" {run['wer_percent']:>5.1f} % {run['partials_per_call_s']:>9.2f}"
        f" {cpu['asr']:>8.3f}{sum(cpu.values()):>8.3f}  {run['lost']}  {', '.join(missed)}"
    ).rstrip()
