"""The speech that benchmarks hear, and what is said in it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr

from callscribe import sample
from callscribe.audiofile import AudioFile
from common.audio import SAMPLE_RATE, FloatArray

_AUDIO = (".wav", ".flac", ".ogg", ".mp3")


def expand(paths: Sequence[Path]) -> list[Path]:
    """Return the recordings meant: those in directories; the sample call if none is named."""
    if not paths:
        return [sample.AUDIO]
    files: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.iterdir() if p.suffix in _AUDIO) if path.is_dir() else []
        files += inside or [path]
    return files


def references(path: Path) -> list[str] | None:
    """Return what is said in a recording, by channel, where that is known."""
    if path == sample.AUDIO:
        return sample.references()
    beside = path.with_suffix(".txt")
    return beside.read_text().splitlines() if beside.exists() else None


def channels(path: Path) -> list[FloatArray]:
    """Return a recording's channels, float32 [n] in [-1, 1] at 16 kHz."""
    audio = AudioFile(path)
    samples = np.concatenate(list(audio.blocks(1.0)))
    audio.close()
    return [
        np.ascontiguousarray(
            soxr.resample(np.ascontiguousarray(channel), audio.rate, SAMPLE_RATE), np.float32
        )
        for channel in samples.T
    ]
