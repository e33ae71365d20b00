"""What Whisper hears at once of an utterance: where long ones are cut, how short ones are padded.

Every cut depends only on the audio before the end of its window, so cuts stay where they are while
the utterance grows, and so does the text before them.

A window is padded twice. Features of silence behind the clip are encoded with it, which costs as
much as speech; behind their encoding comes that of silence alone, which is always the same and is
kept. The decoder must see some seconds of silence to learn that speech has ended (else it says a
phrase twice), but whether the encoder saw them makes little difference to it. Measured greedily on
611 words, against windows of 30 s: with 1 s encoded and nothing kept behind it 231 differ, with the
kept silence 13; in windows of 11 s, encoded whole, 11.
"""

from dataclasses import dataclass

import numpy as np

from common.audio import SAMPLE_RATE, FloatArray

WINDOW = 30 * SAMPLE_RATE
"""Whisper hears 30 s at once."""
SHORTEST = SAMPLE_RATE // 10
"""Less than 0.1 s cannot hold a word."""

FULL = 3000
"""Frames Whisper was trained on: 30 s."""

_SILENCE = 400
"""Frames of silence that the decoder sees behind a clip, at least: behind 2 s counting loops."""
_STEP, _SHOWN_STEP = 50, 400
"""What `encoded` and `shown` go up by: decodes of equal `shown` can share their steps."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Frames: of silence encoded behind a clip, and the shortest `shown`, at least."""

    margin: int
    shortest: int


_PARTIAL = _Plan(margin=100, shortest=1100)
# Measured on 379 words, beam 5, each utterance with five random amounts of noise around it; errors
# in 1895 by margin and shortest shown: 41 with 1 s and 11 s, 36 with 3 s and 11 s, 34 with 3 s and
# 15 s, 31 in windows of 30 s, 32 in windows of 11 s or more with 4 s of margin, encoded whole.
_FINAL = _Plan(margin=300, shortest=1500)

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


@dataclass(frozen=True, slots=True)
class Window:
    """A clip with silence behind it, in feature frames of 10 ms; two are a position.

    `encoded` of them go through the encoder; what is missing of `shown` is kept silence.
    """

    encoded: int
    shown: int


def attempts(frames: int, *, final: bool) -> list[Window]:
    """Return the windows to decode a clip of `frames` in, until one gives something plausible.

    They cost more from one to the next; a partial does without the dearest.
    """
    plan = _FINAL if final else _PARTIAL
    more = _ceil(frames + _SILENCE - plan.shortest, _SHOWN_STEP)
    shown = min(FULL, plan.shortest + more)
    short = Window(min(shown, _ceil(frames + plan.margin, _STEP)), shown)
    windows = [short, Window(shown, shown), Window(FULL, FULL)]
    return list(dict.fromkeys(windows if final else windows[:2]))


def _ceil(value: int, step: int) -> int:
    return max(0, -(-value // step) * step)
