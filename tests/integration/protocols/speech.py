"""What is said in the calls of this suite, in the formats that protocols carry."""

import io
import random
from collections.abc import Iterator
from functools import cache

import numpy as np
import soundfile
import soxr

from common.audio import SAMPLE_RATE, FloatArray
from gateway.protocols.commands import AudioFormat
from tests.integration.pipeline.calls import clip, pcm16, said


@cache
def conversation(channels: int = 1) -> FloatArray:
    """Return some sentences, float32 [n, channels] at 16 kHz; at the end is silence."""
    parts = ("quick_brown_fox", 1.3, "hello_world", 1.5)
    leg = said(0.4, *(clip(part) if isinstance(part, str) else part for part in parts))
    other = said(1.7, clip("hello_world"), 3.0)
    length = max(len(leg), len(other))
    legs = [np.pad(each, (0, length - len(each))) for each in (leg, other)]
    return np.stack(legs[:channels], axis=1)


def seconds(sound: AudioFormat, count: float) -> int:
    """Return the bytes of so many seconds."""
    return round(count * sound.sample_rate) * frame_bytes(sound)


def frame_bytes(sound: AudioFormat) -> int:
    """Return the bytes of one sample of all channels."""
    return sound.channels * (2 if sound.encoding == "pcm16" else 1)


@cache
def spoken(sound: AudioFormat) -> bytes:
    """Return the conversation in a format."""
    audio = conversation(sound.channels)
    if sound.encoding == "pcm16":
        return pcm16(audio)
    narrow = soxr.resample(audio, SAMPLE_RATE, sound.sample_rate)
    file = io.BytesIO()
    soundfile.write(file, narrow, sound.sample_rate, format="RAW", subtype="ULAW")
    return file.getvalue()


def cut(data: bytes, seed: int, least: int = 1, unit: int = 1) -> Iterator[bytes]:
    """Cut bytes at random into messages of `least` to about 8000 bytes, in whole units."""
    dice = random.Random(seed)
    at = 0
    while at < len(data):
        size = dice.choice((unit, dice.randrange(least, 500), dice.randrange(500, 8_000)))
        size = max(unit, size // unit * unit)
        yield data[at : at + size]
        at += size
