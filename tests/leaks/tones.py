"""Lines of a script as sound: two tones tell which one it is, over a telephone line too.

The tones are none of DTMF, and loud enough to be speech to `bench.dummies`.
"""

import numpy as np

from common.audio import SAMPLE_RATE, FloatArray

WORD_S = 0.1
"""Seconds that a word takes."""
_STEP = 12.5
"""Hz between two tones."""
_LOW, _HIGH = 420.0, 1860.0
_TONES = 100
MOST = _TONES * _TONES
"""Lines that can be told apart."""
_LEVEL = 0.25
_HUSH = 0.02
_LEAST_S = 0.2
"""Seconds that tell a line."""


def spoken(line: int, words: int) -> FloatArray:
    """Return the sound of a line with so many words, float32 [n] at 16 kHz."""
    high, low = divmod(line, _TONES)
    angles = 2 * np.pi * np.arange(length(words)) / SAMPLE_RATE
    waves = np.sin((_LOW + low * _STEP) * angles) + np.sin((_HIGH + high * _STEP) * angles)
    return (_LEVEL * waves).astype(np.float32)


def length(words: int) -> int:
    """Return the samples at 16 kHz of a line with so many words."""
    return round(max(words, 4) * WORD_S * SAMPLE_RATE)


def audible(audio: FloatArray, text: str) -> str:
    """Return the words of a line that can be heard, float32 [n] at 16 kHz from its first one on.

    "…" stands for each word of which more than a half is silence.
    """
    size = round(WORD_S * SAMPLE_RATE)
    loud = np.abs(audio) > _HUSH
    heard = [
        word if np.count_nonzero(loud[n * size : (n + 1) * size]) > size / 2 else "…"
        for n, word in enumerate(text.split())
    ]
    return " ".join(heard)


def line_of(audio: FloatArray) -> int | None:
    """Return which line is heard, float32 [n] at 16 kHz; None if that is not clear yet."""
    loud = np.flatnonzero(np.abs(audio) > 0.2 * max(1e-6, float(np.abs(audio).max())))
    if len(loud) < _LEAST_S * SAMPLE_RATE / 2:
        return None
    heard = audio[loud[0] : loud[-1] + 1]
    heard = heard[: 4 * SAMPLE_RATE]
    if len(heard) < _LEAST_S * SAMPLE_RATE:
        return None
    size = 1 << 17
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)), size))
    low, high = (_loudest(spectrum, size, lowest) for lowest in (_LOW, _HIGH))
    return high * _TONES + low


def _loudest(spectrum: FloatArray, size: int, lowest: float) -> int:
    tones = lowest + _STEP * np.arange(_TONES)
    bins = np.round(tones * size / SAMPLE_RATE).astype(int)
    return int(np.argmax(spectrum[bins]))
