"""PCM arithmetic on the pipeline's one audio format: 16 kHz, mono, PCM16LE.

A *position* is a count of samples at `SAMPLE_RATE` since the session began.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float32]

SAMPLE_RATE = 16_000
BYTES_PER_SAMPLE = 2

_FULL_SCALE = np.float32(32768.0)


def pcm16_to_float(data: bytes | bytearray) -> FloatArray:
    """Convert PCM16LE bytes to float32 [n] in [-1, 1); an odd byte count raises ValueError."""
    return np.frombuffer(data, dtype="<i2").astype(np.float32) / _FULL_SCALE


def float_to_pcm16(samples: FloatArray) -> bytes:
    """Convert float32 [n] to PCM16LE bytes, clipping to [-1, 1) and rounding to nearest."""
    scaled = np.clip(np.rint(samples * _FULL_SCALE), -32768.0, 32767.0)
    return bytes(scaled.astype("<i2").tobytes())


def rounded_to_16_bits(samples: FloatArray) -> FloatArray:
    """Return floats of any shape as they are behind `float_to_pcm16`, which live clients send."""
    return pcm16_to_float(float_to_pcm16(samples)).reshape(samples.shape)


def seconds(samples: int) -> float:
    """Convert a sample count at 16 kHz to seconds."""
    return samples / SAMPLE_RATE


def rounded_seconds(samples: int) -> float:
    """Convert a sample count at 16 kHz to seconds, to the millisecond."""
    return round(seconds(samples), 3)


def samples(duration: float) -> int:
    """Convert seconds to the nearest sample count at 16 kHz."""
    return round(duration * SAMPLE_RATE)
