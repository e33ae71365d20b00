"""Slow gain for quiet lines, so that VAD hears speech at a level that it knows.

The network misses speech from about -60 dBFS down. The gain follows the level of the speech itself.
Frames count as speech if they, and the two before, so not a click, are well above the noise floor:
steady noise alone is never amplified. The level rises fast and falls slowly, so that a quiet voice
behind a loud one stays quiet. Speech that is loud enough has no gain at all: its samples stay as
they are.

A frame's gain comes from the frames before it and itself, so the gains do not depend on how audio
is cut, nor on who owns the leg.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from common.audio import FloatArray
from vad_worker.framing import FRAME

TARGET = -34.0
"""dBFS of loud frames; speech at or above it is not amplified."""
MOST = 36.0
"""The largest gain in dB."""
_LOUDEST = -20.0
"""dBFS up to which a frame is amplified: what is louder all of a sudden must not be clipped."""
_ABOVE_FLOOR = 9.0
_FLOOR_RISES = 0.05
"""dB a frame: 1.6 dB per second."""
_ATTACK = 0.5
"""Share of the way to a louder frame."""
_RELEASE = 0.03
"""dB per frame of quieter speech: about 1 dB per second of it."""
_SILENCE = -94.0
"""dBFS of the quietest frame: what a line sends while it suppresses silence is no noise floor."""
_UNKNOWN = 0.0


class LevelState(NamedTuple):
    """All in dBFS: the speech's level, the noise floor, and the last two frames; 0: not known."""

    speech: float = _UNKNOWN
    floor: float = _UNKNOWN
    before: float = _SILENCE
    earlier: float = _SILENCE


class Level:
    """The gain of one leg."""

    def __init__(self, state: LevelState | None = None) -> None:
        self._speech, self._floor, self._before, self._earlier = state or LevelState()
        self.speech: list[float] = []
        """The level of the speech at each frame of the last `gains`, in dBFS; 0: not known."""

    def gains(self, energies: Sequence[float]) -> list[float] | None:
        """Take the mean square of each new frame; return a factor for each, None if all are 1."""
        self.speech = []
        decibels = [self._next(energy) for energy in energies]
        if not any(decibels):
            return None
        return [10 ** (each / 20) for each in decibels]

    def snapshot(self) -> LevelState:
        """Return what `Level` needs to continue."""
        return LevelState(self._speech, self._floor, self._before, self._earlier)

    def _next(self, energy: float) -> float:
        """Take a frame's mean square; return its gain in dB."""
        now = max(10 * math.log10(energy), _SILENCE) if energy > 0.0 else _SILENCE
        lasting = min(now, self._before, self._earlier)
        self._before, self._earlier = now, self._before
        self._floor = min(now, self._floor + _FLOOR_RISES)
        if lasting > self._floor + _ABOVE_FLOOR:
            if self._speech == _UNKNOWN:
                self._speech = lasting
            elif now > self._speech:
                self._speech += _ATTACK * (now - self._speech)
            else:
                self._speech -= min(_RELEASE, self._speech - now)
        self.speech.append(self._speech)
        if self._speech >= TARGET:
            return 0.0
        return min(MOST, TARGET - self._speech, max(0.0, _LOUDEST - now))


def amplify(
    samples: FloatArray, energies: FloatArray, legs: Sequence[Level], counts: Sequence[int]
) -> None:
    """Amplify the new frames of all legs in place.

    `samples`: float32 [k * 512]; `energies`: float32 [k], the mean square of each frame; leg i has
    the next `counts[i]` of them.
    """
    frames = samples.reshape(-1, FRAME)
    values = energies.tolist()
    end = 0
    for level, count in zip(legs, counts, strict=True):
        start, end = end, end + count
        if (factors := level.gains(values[start:end])) is not None:
            frames[start:end] *= np.array(factors, np.float32)[:, None]
