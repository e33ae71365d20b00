"""The baseline of live recognition: the same engine on whole recordings."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asr_worker import engines
from asr_worker.api import EngineSettings
from bench import recordings, speech
from common.audio import SAMPLE_RATE


@dataclass(frozen=True)
class Decoded:
    """A recording's text by channel, and what it took; seconds."""

    texts: list[str]
    audio_s: float
    cpu_s: float


async def decode(files: Sequence[Path]) -> dict[Path, Decoded]:
    """Decode recordings, each channel in one piece, on the CPU engine."""
    engine = engines.build("whisper", EngineSettings())
    await engine.start()
    decoded = {}
    for path in dict.fromkeys(files):
        heard = recordings.channels(path)
        began = time.process_time()
        texts = [(await engine.decode(speech.request(channel))).text for channel in heard]
        spent = time.process_time() - began
        decoded[path] = Decoded(texts, sum(map(len, heard)) / SAMPLE_RATE, spent)
    await engine.close()
    return decoded
