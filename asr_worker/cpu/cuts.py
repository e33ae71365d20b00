"""Where a long utterance is cut into windows that a model can hear.

Every cut depends only on the audio before the end of its window. So cuts, and the text before them,
stay while the utterance grows.
"""

from asr_worker.clauses import quietest
from common.audio import SAMPLE_RATE, FloatArray

WINDOW = 30 * SAMPLE_RATE
"""The longest window; models were trained on speech up to that long."""
SHORTEST = SAMPLE_RATE // 10
"""Less than 0.1 s cannot hold a word."""

_EARLIEST, _LATEST = 20 * SAMPLE_RATE, 29 * SAMPLE_RATE


def cuts(audio: FloatArray) -> list[tuple[int, int]]:
    """Return the [start, end) samples of the windows that cover `audio`, float32 [n] at 16 kHz.

    One window up to 30 s; more is cut where 0.3 s are quietest, 20 to 29 s into the window.
    A rest shorter than `SHORTEST` gets none.
    """
    windows = []
    start = 0
    while len(audio) - start > WINDOW:
        cut = start + _EARLIEST + quietest(audio[start + _EARLIEST : start + _LATEST])
        windows.append((start, cut))
        start = cut
    if len(audio) - start >= SHORTEST:
        windows.append((start, len(audio)))
    return windows
