"""Problems of a line that its speech shows: too quiet to be lifted, or cut off at full scale. Pure.

Each is told once, when it has lasted, and again only after as much speech without it. Only frames
of speech count, so noise and silence show nothing. What is told depends on the frames alone, not on
how audio is cut, nor on who owns the leg.
"""

from typing import NamedTuple

from common.audio import FloatArray
from common.pipeline.speech import Problem
from vad_worker.framing import FRAME
from vad_worker.level import MOST, TARGET

REACH = TARGET - MOST
"""dBFS of speech that the largest gain just lifts to the target."""
_SPEECH = 0.5
_LASTS = 31
"""Frames of quiet speech before it is told: 1 s."""
_CLIPPED = 8
"""How many frames without clipping one with it outweighs: speech is loud now and then."""
_OFTEN = 12 * _CLIPPED
_FULL_SCALE = 0.97
"""From this on a sample counts as cut off; the largest value of G.711 is 0.98."""
_CUT_OFF = 4
"""Samples of a frame; in speech that just reaches full scale there are fewer."""
_LOUD = 0.01
"""Mean square of a frame; one below it has fewer samples that are cut off."""


class LineState(NamedTuple):
    """Evidence so far, and whether its problem was told; in frames, see `LineWatch`."""

    quiet: int = 0
    quiet_told: bool = False
    clipped: int = 0
    clipped_told: bool = False


class LineWatch:
    """Watches the speech of one leg."""

    def __init__(self, state: LineState | None = None) -> None:
        self._quiet, self._quiet_told, self._clipped, self._clipped_told = state or LineState()

    @property
    def awake(self) -> bool:
        """Whether something speaks for a problem, so that good frames must be shown, too."""
        return self._quiet > 0 or self._clipped > 0

    def snapshot(self) -> LineState:
        """Return what `LineWatch` needs to continue."""
        return LineState(self._quiet, self._quiet_told, self._clipped, self._clipped_told)

    def watch(self, probability: float, level: float, clipped: bool) -> Problem | None:
        """Take a frame; return the problem that is to be told.

        `probability` is that of speech, `level` the speech's so far in dBFS.
        """
        if probability < _SPEECH:
            return None
        if level < REACH:
            self._quiet = min(self._quiet + 1, _LASTS)
        else:
            self._quiet = max(self._quiet - 1, 0)
        if clipped:
            self._clipped = min(self._clipped + _CLIPPED, _OFTEN)
        else:
            self._clipped = max(self._clipped - 1, 0)
        self._quiet_told = self._quiet_told and self._quiet > 0
        self._clipped_told = self._clipped_told and self._clipped > 0
        if self._quiet == _LASTS and not self._quiet_told:
            self._quiet_told = True
            return "low_level"
        if self._clipped == _OFTEN and not self._clipped_told:
            self._clipped_told = True
            return "clipping"
        return None


def cut_off(samples: FloatArray, energies: FloatArray) -> list[bool] | None:
    """Tell of each frame whether it is cut off at full scale; None if none is.

    `samples`: float32 [k * 512] in [-1, 1); `energies`: float32 [k], the mean square of each frame.
    """
    (loud,) = (energies > _LOUD).nonzero()
    if not len(loud):
        return None
    frames = abs(samples.reshape(-1, FRAME)[loud]) >= _FULL_SCALE
    cut = loud[frames.sum(axis=1) >= _CUT_OFF]
    if not len(cut):
        return None
    found = [False] * len(energies)
    for frame in cut.tolist():
        found[frame] = True
    return found
