"""Which calls are refused, and how long finals take, as callers grow in number.

    python -m bench admission [--callers N ...] [--seconds S] [--speech DIRECTORY] [--json FILE]

The real stack with Whisper and default settings, one process of each kind, on loopback. Three
scenes, each on a stack of its own:
- long: N callers speak utterances of 20 to 30 s for a minute and call again, each fourth of them
  denoised.
- call: N callers speak the sample call, without its long pauses.
- mixed: three callers at a time send recordings of 4 to 60 s of that long speech, each second of
  them denoised: a machine that is far from full.
A refused caller tries again about each second. Latencies are the client's, from the audio that
decided an endpoint to its final; processor use is of all cores. Callers hang up in the middle of an
utterance: the rest of it is decoded only then, while before an endpoint there is its silence. So
finals after silence are counted apart, too. Late are finals that came more than 0.5 s after their
endpoint, not counting what their decode takes on an idle worker: as the recogniser counts them for
admission.
"""

import asyncio
import itertools
import os
import random
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import redis.asyncio as aioredis

from bench import record
from bench.accounting import cpu_seconds
from bench.options import parser_of
from bench.overload import Callers, Manner, Phase, address, sample_call, spread, watch
from bench.recordings import channels
from bench.speech import CORPUS, trimmed
from bench.stack import local_stack
from callscribe.local.stack import Stack, running_stack
from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16
from common.bus import keys
from common.pipeline.report import WORKER_REPORT, AsrLoad

_UTTERANCE_S = (20.0, 29.0)
_UTTERANCES = 8
_BREATH_S, _PAUSE_S = 0.15, 1.2
"""Silence between clips of an utterance, and between utterances."""
_LONG_CALL_S = (30.0, 90.0)
_ONE_AFTER_ANOTHER_S = 0.25
_RECORDING_S = (4.0, 60.0)
_MIXED_CALLERS = 3


def main(argv: Sequence[str]) -> int:
    """Run the benchmark; 0 when no call that was let in broke off."""
    parser = parser_of("admission", __doc__, short="two callers, 15 seconds of each")
    parser.add_argument("--callers", type=int, nargs="*", default=[2, 4, 8, 16], metavar="N")
    parser.add_argument("--scenes", nargs="+", choices=_SCENES, default=list(_SCENES))
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each")
    parser.add_argument("--speech", type=Path, default=CORPUS, metavar="DIRECTORY")
    options = parser.parse_args(argv)
    sizes, seconds = ([2], 15.0) if options.short else (options.callers, options.seconds)
    long = long_speech(options.speech)
    rows = []
    print(_HEADER)
    for scene in options.scenes:
        for callers in [_MIXED_CALLERS] if scene == "mixed" else sizes:
            rows.append(asyncio.run(_measure(scene, callers, seconds, _manner(scene, long))))
            print(show(rows[-1]), flush=True)
    if options.json is not None:
        record.write(options.json, {"seconds": seconds, "rows": rows})
    return 1 if any(row["broken"] for row in rows) else 0


def long_speech(directory: Path) -> bytes:
    """Return PCM16 at 16 kHz: utterances of 20 to 29 s, joined from the clips that there are."""
    paths = sorted(directory.glob("librivox_*.wav"))
    if paths:
        clips = [channels(path)[0] for path in paths]
    else:
        with as_file(files("pytest_audioeval") / "samples" / "audio" / "en") as folder:
            clips = [channels(path)[0] for path in sorted(folder.glob("*.wav"))]
    return float_to_pcm16(joined([trimmed(clip) for clip in clips], random.Random(1)))


def joined(clips: Sequence[FloatArray], chance: random.Random) -> FloatArray:
    """Return utterances of 20 to 29 s, float32 [n] at 16 kHz, with a pause behind each."""
    breath = np.zeros(round(_BREATH_S * SAMPLE_RATE), np.float32)
    pause = np.zeros(round(_PAUSE_S * SAMPLE_RATE), np.float32)
    parts: list[FloatArray] = []
    for _ in range(_UTTERANCES):
        # What begins in the middle of a clip ends where the last one does.
        left = round(chance.uniform(*_UTTERANCE_S) * SAMPLE_RATE)
        spoken: list[FloatArray] = []
        for clip in itertools.cycle(chance.sample(list(clips), len(clips))):
            spoken += [breath, clip[-left:]]
            left -= len(breath) + len(clip)
            if left <= 0:
                break
        parts += [*reversed(spoken), pause]
    return np.concatenate(parts)


def _manner(scene: str, long: bytes) -> Manner:
    match scene:
        case "long":
            return Manner(long, SAMPLE_RATE, _LONG_CALL_S, denoise_every=4)
        case "mixed":
            return Manner(long, SAMPLE_RATE, _RECORDING_S, denoise_every=2)
    return sample_call()


async def _measure(scene: str, callers: int, seconds: float, manner: Manner) -> dict[str, Any]:
    async with running_stack(local_stack(denoise=1)) as stack:
        row: dict[str, Any] = await stack.run(_scene(stack, scene, callers, seconds, manner))
    return row


async def _scene(
    stack: Stack, scene: str, number: int, seconds: float, manner: Manner
) -> dict[str, Any]:
    callers = Callers(address(stack), manner)
    phase = callers.phase = Phase(scene)
    try:
        pids, before = stack.pids, _spent(stack)
        began = perf_counter()

        def is_over(elapsed: float) -> bool:
            if callers.population < min(number, 1 + elapsed / _ONE_AFTER_ANOTHER_S):
                callers.add()
            return elapsed > seconds

        await watch(callers, is_over)
        cores = (perf_counter() - began) * (os.cpu_count() or 1)
        used = {name: (spent - before[name]) / cores for name, spent in _spent(stack).items()}
        ends, late = await _lateness(stack)
    finally:
        callers.phase = Phase("leaving")
        await callers.leave()
    return {
        "scene": scene,
        "callers": number,
        "calls": sum(phase.calls) / max(1, len(phase.calls)),
        "let_in": phase.let_in,
        "final_ms": spread(phase.finals),
        "after_silence_ms": spread(phase.after_silence),
        "late": late / max(1, ends),
        "partial_every_ms": spread(phase.partials),
        "refused": {reason: len(times) for reason, times in phase.answers.items()},
        "processor": {name: used[name] for name in (*pids, "bench")},
        "broken": phase.broken,
    }


async def _lateness(stack: Stack) -> tuple[int, int]:
    """Return how many finals of live calls there were so far, and how many of them came late."""
    assert stack.redis is not None
    async with aioredis.from_url(stack.redis.url) as redis:
        heartbeats: list[bytes] = await redis.hvals(keys.workers("asr"))  # type: ignore[assignment]
    loads = [WORKER_REPORT.unpack(packed).load for packed in heartbeats]
    asr = [load for load in loads if isinstance(load, AsrLoad)]
    return sum(load.ends for load in asr), sum(load.late + load.overdue for load in asr)


def _spent(stack: Stack) -> dict[str, float]:
    """Return the CPU seconds of each process so far, of this one too."""
    pids = {**stack.pids, "bench": os.getpid()}
    return {name: cpu_seconds(pid) for name, pid in pids.items()}


_SCENES = ("long", "call", "mixed")
_HEADER = (
    f"{'':>6} | {'callers':>7} {'calls':>5} |{'finals':>7}{'p50':>6}{'p95':>6}{'max':>6}{'late':>6}"
    f" |{'after silence':>14}{'p95':>6}{'max':>6}"
    f" |{'partial every':>14} |{'ASR':>6}{'all':>6} of the cores | refused"
)


def show(row: dict[str, Any]) -> str:
    """Return a line of the table; latencies in ms."""
    final, partial, used = row["final_ms"], row["partial_every_ms"], row["processor"]
    silence = row["after_silence_ms"]
    refused = ", ".join(f"{reason} {count}" for reason, count in row["refused"].items())
    lines = [
        f"{row['scene']:>6} | {row['callers']:>7} {row['calls']:>5.1f} |{final['n']:>7}"
        f"{final['p50']:>6.0f}{final['p95']:>6.0f}{final['max']:>6.0f}{row['late']:>6.1%}"
        f" |{silence['n']:>14}{silence['p95']:>6.0f}{silence['max']:>6.0f}"
        f" |{partial['p50']:>14.0f}"
        f" |{used['asr']:>6.0%}{sum(used.values()):>6.0%}{'':>13} | {refused or 'nobody'}"
    ]
    lines += [f"{'':>6} | a call broke off: {trouble}" for trouble in row["broken"]]
    return "\n".join(lines)
