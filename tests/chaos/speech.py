"""The speech that calls are made of: the project's corpus where it is, else what is installed."""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import soundfile
import soxr

from callscribe import sample
from common.audio import SAMPLE_RATE, FloatArray

_CORPUS = Path(__file__).resolve().parents[3] / "shared" / "data" / "speech"
_SUFFIXES = (".wav", ".flac")
_NOISE = "noise_48k"
_LONGEST = 12.0
"""Seconds of a clip; longer recordings are cut, so that calls differ."""
_QUIET = 0.05
"""Where a recording is cut: the quietest so many seconds around."""
_AROUND = 2.0


def clips() -> list[FloatArray]:
    """Return clips of speech, float32 [n] at 16 kHz, always in the same order."""
    recordings = _corpus() or _installed()
    return [clip for recording in recordings for clip in _cut(recording)]


def _corpus() -> list[FloatArray]:
    if not _CORPUS.is_dir():
        return []
    paths = sorted(path for path in _CORPUS.iterdir() if path.suffix in _SUFFIXES)
    return [_read(path) for path in paths if path.stem != _NOISE]


def _installed() -> list[FloatArray]:
    recordings = [_read(sample.AUDIO, channel) for channel in (0, 1)]
    with as_file(files("pytest_audioeval") / "samples" / "audio") as folder:
        return recordings + [_read(path) for path in sorted(folder.rglob("*.wav"))]


def _read(path: Path, channel: int = 0) -> FloatArray:
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    one = np.ascontiguousarray(audio[:, channel])
    return np.asarray(soxr.resample(one, rate, SAMPLE_RATE), np.float32)


def _cut(recording: FloatArray) -> list[FloatArray]:
    longest, around = round(_LONGEST * SAMPLE_RATE), round(_AROUND * SAMPLE_RATE)
    parts: list[FloatArray] = []
    while len(recording) > longest:
        at = longest - around + _quietest(recording[longest - around : longest])
        parts.append(recording[:at])
        recording = recording[at:]
    return [*parts, recording]


def _quietest(audio: FloatArray) -> int:
    width = round(_QUIET * SAMPLE_RATE)
    energy = np.square(audio[: len(audio) // width * width]).reshape(-1, width).sum(axis=1)
    return int(np.argmin(energy)) * width
