"""A network on a device beside the same network in numpy on a core, for many legs at a time.

    python -m bench vad --device cuda           at 1000, 4000 and 16 000 legs
    python -m bench denoise --device cuda
    python -m bench vad --device cpu --short    torch on the CPU: to see that it works

Both are given the same speech, a tick of every leg at a time, in one process. The device takes all
legs in one tick, numpy as many as suit its caches. A tick's time is that of the engine's `run`,
from samples in this process's memory to answers there: transfers count, Redis does not. "legs" is
how many legs' audio is computed in the time that it lasts. "up" and "down" are bytes between this
machine's memory and the device's, per leg and second of audio; "saved" are those of checkpoints,
which `fetch` brings once a second. "MB" is the most memory that the device's allocator held.
"""

import argparse
import gc
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from bench import record
from bench.recordings import channels
from callscribe import sample
from common import devices
from common.audio import SAMPLE_RATE, FloatArray
from common.errors import SettingsError

Run: TypeAlias = Callable[[FloatArray], FloatArray]
"""Takes a tick of every leg, float32 [legs, samples]; returns the answers, leg by leg."""

_LEGS = {"cuda": (1000, 4000, 16_000), "cpu": (64, 256)}
_SHORT = (40,)
_TICKS, _SHORT_TICKS = 40, 3
_SETTLE = 3
"""Ticks before those that count."""


class Moved(Protocol):
    """Counts bytes to the device and from it."""

    sent: int
    received: int


@dataclass(frozen=True)
class OnDevice:
    """An engine with its legs: `fetch` brings all their states for a checkpoint."""

    run: Run
    fetch: Callable[[], None]
    moved: Moved


@dataclass(frozen=True)
class Subject:
    """A network, and how to have it compute for a number of legs."""

    samples: int
    """Of a leg in a tick."""
    device: Callable[[str, int], OnDevice]
    numpy: Callable[[int], Run]
    numpy_legs: int
    tolerance: float
    """Largest difference of an answer."""


@dataclass(frozen=True)
class Figures:
    """What one number of legs costs on the device, and numpy in the same run."""

    device: str
    legs: int
    tick_ms: float
    """Median."""
    tick_p95_ms: float
    legs_per_device: float
    numpy_legs_per_core: float
    up: float
    """Bytes per leg and second of audio, and so are the next ones."""
    down: float
    saved: float
    fetch_ms: float
    """Of all legs' states."""
    memory_mb: float
    apart: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this form of a benchmark."""
    parser.add_argument("--device", choices=tuple(_LEGS), help="measure torch on a device")
    parser.add_argument("--legs", type=int, nargs="+", help="legs at a time on the device")


def report(
    subject: Subject,
    device: str,
    *,
    legs: Sequence[int] | None,
    short: bool,
    json: Path | None,
) -> int:
    """Measure and print; 1 if an answer is too far from numpy's, 2 if there is no such device."""
    try:
        devices.require(device, "--device")
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    rows: list[Figures] = []
    print(_HEADER)
    for count in legs or (_SHORT if short else _LEGS[device]):
        rows.append(measure(subject, device, count, _SHORT_TICKS if short else _TICKS))
        print(_line(rows[-1]), flush=True)
    if json:
        record.write(json, [asdict(row) for row in rows])
    return 1 if any(row.apart > subject.tolerance for row in rows) else 0


def measure(subject: Subject, device: str, legs: int, ticks: int) -> Figures:
    """Return the figures at one number of legs."""
    import torch

    api = torch.cuda if device == "cuda" else None
    if api:
        # What the last measurement left would count; a peak begins at what is reserved now.
        gc.collect()
        api.empty_cache()
        api.reset_peak_memory_stats()
    mine, few = subject.device(device, legs), min(legs, subject.numpy_legs)
    numpy = subject.numpy(few)
    took: list[float] = []
    numpy_took: list[float] = []
    apart = 0.0
    audio_s = subject.samples / SAMPLE_RATE
    rng = np.random.default_rng(0)
    call = channels(sample.AUDIO)[0]
    windows = np.lib.stride_tricks.sliding_window_view(call, subject.samples)
    sent = received = 0
    for tick in range(_SETTLE + ticks):
        heard = windows[rng.integers(0, len(windows), legs)]
        if tick == _SETTLE:
            sent, received = mine.moved.sent, mine.moved.received
        answers, spent = _timed(mine.run, heard)
        took.append(spent)
        wanted, spent = _timed(numpy, heard[:few])
        numpy_took.append(spent)
        apart = max(apart, float(np.abs(answers[: len(wanted)] - wanted).max()))
    per_leg = 1 / (legs * audio_s * ticks)
    up, down = (mine.moved.sent - sent) * per_leg, (mine.moved.received - received) * per_leg
    before = mine.moved.received
    began = time.perf_counter()
    mine.fetch()
    fetched = time.perf_counter() - began
    median, late = np.percentile(took[_SETTLE:], [50, 95])
    return Figures(
        device,
        legs,
        tick_ms=1000 * float(median),
        tick_p95_ms=1000 * float(late),
        legs_per_device=legs * audio_s / float(median),
        numpy_legs_per_core=few * audio_s / float(np.median(numpy_took[_SETTLE:])),
        up=up,
        down=down,
        saved=(mine.moved.received - before) / legs,
        fetch_ms=1000 * fetched,
        memory_mb=api.max_memory_reserved() / 1e6 if api else 0.0,
        apart=apart,
    )


def _timed(run: Run, heard: FloatArray) -> tuple[FloatArray, float]:
    began = time.perf_counter()
    answers = run(heard)
    return answers, time.perf_counter() - began


_HEADER = (
    f"{'device':>6}{'legs':>8}{'tick ms':>9}{'p95':>8}{'legs':>10}{'numpy':>8}{'times':>7}"
    f"{'up':>9}{'down':>9}{'saved':>9}{'fetch ms':>10}{'MB':>7}{'apart':>9}"
)


def _line(row: Figures) -> str:
    times = row.legs_per_device / row.numpy_legs_per_core
    return (
        f"{row.device:>6}{row.legs:>8}{row.tick_ms:>9.2f}{row.tick_p95_ms:>8.2f}"
        f"{row.legs_per_device:>10.0f}{row.numpy_legs_per_core:>8.0f}{times:>7.1f}"
        f"{row.up:>9.0f}{row.down:>9.0f}{row.saved:>9.0f}{row.fetch_ms:>10.2f}"
        f"{row.memory_mb:>7.0f}{row.apart:>9.1e}"
    )
