"""Where to cut an utterance that is longer than a recogniser can hear at once.

Every cut depends only on the audio before the end of its window, so cuts stay where they are while
the utterance grows, and so does the text before them.
"""

import numpy as np

from common.audio import SAMPLE_RATE, FloatArray

WINDOW = 30 * SAMPLE_RATE
"""Whisper hears 30 s at once."""
SHORTEST = SAMPLE_RATE // 10
"""Less than 0.1 s cannot hold a word."""

_EARLIEST, _LATEST = 20 * SAMPLE_RATE, 29 * SAMPLE_RATE
_HOP = SAMPLE_RATE // 10


def cuts(audio: FloatArray) -> list[tuple[int, int]]:
    """Return the [start, end) samples of the windows that cover `audio`, float32 [n] at 16 kHz.

    One window up to 30 s; more is cut where 0.3 s are quietest, 20 to 29 s into the window.
    A rest shorter than `SHORTEST` gets none.
    """
    windows = []
    start = 0
    while len(audio) - start > WINDOW:
        hops = audio[start + _EARLIEST : start + _LATEST].reshape(-1, _HOP)
        energy = np.convolve(np.square(hops).mean(axis=1), np.ones(3), mode="valid")
        # Entry i covers hops i to i + 2: cut in the middle of the middle one.
        cut = start + _EARLIEST + (int(np.argmin(energy)) + 1) * _HOP + _HOP // 2
        windows.append((start, cut))
        start = cut
    if len(audio) - start >= SHORTEST:
        windows.append((start, len(audio)))
    return windows
