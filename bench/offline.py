"""The baseline of live recognition: the same engine on whole recordings, at its leisure."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from asr_worker import engines
from asr_worker.api import DecodeRequest, EngineSettings, Priority
from callscribe import sample
from callscribe.audiofile import AudioFile
from common.audio import SAMPLE_RATE, FloatArray

_AUDIO = (".wav", ".flac", ".ogg", ".mp3")


@dataclass(frozen=True)
class Decoded:
    """A recording's text by channel, and what it took; seconds."""

    texts: list[str]
    audio_s: float
    cpu_s: float


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


async def decode(files: Sequence[Path]) -> dict[Path, Decoded]:
    """Decode recordings, each channel in one piece, on the CPU engine."""
    engine = engines.build("whisper", EngineSettings())
    await engine.start()
    decoded = {}
    for path in dict.fromkeys(files):
        channels = _channels(path)
        texts = []
        began = time.process_time()
        for channel in channels:
            request = DecodeRequest(
                utterance=path.name, audio=channel, priority=Priority.FINAL, final=True
            )
            texts.append((await engine.decode(request)).text)
        spent = time.process_time() - began
        decoded[path] = Decoded(texts, sum(map(len, channels)) / SAMPLE_RATE, spent)
    await engine.close()
    return decoded


def _channels(path: Path) -> list[FloatArray]:
    audio = AudioFile(path)
    samples = np.concatenate(list(audio.blocks(1.0)))
    audio.close()
    return [
        np.ascontiguousarray(soxr.resample(channel, audio.rate, SAMPLE_RATE), dtype=np.float32)
        for channel in samples.T
    ]
