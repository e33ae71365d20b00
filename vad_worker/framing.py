"""Chunks of any length in, whole frames on a fixed grid out.

Frames start at multiples of 512 samples from the beginning or from the end of the last gap, so any
chunking of the same audio gives the same frames.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from common.audio import BYTES_PER_SAMPLE, FloatArray
from common.errors import Misuse
from common.pipeline.speech import Gap

FRAME = 512
"""Samples per frame at 16 kHz (32 ms), as the model reads them."""


FRAME_BYTES = FRAME * BYTES_PER_SAMPLE


class Frames(NamedTuple):
    """What one chunk completed: the gap before it, if any, and then whole frames, if any.

    A gap may begin within a frame; that frame is dropped. `pcm` is PCM16LE, 512 samples per frame;
    its first sample is at position `start`.
    """

    gap: Gap | None
    start: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class FramerState:
    """What a framer needs to continue: 1 kB at most."""

    end: int
    rest: bytes


class Framer:
    """Cuts one leg's audio, which begins at `position`, into frames."""

    def __init__(self, position: int = 0) -> None:
        self._end = position
        self._rest = b""

    @property
    def position(self) -> int:
        """End of the audio taken so far, an incomplete frame included."""
        return self._end

    def push(self, start: int, pcm: bytes) -> Frames:
        """Take PCM16LE mono 16 kHz whose first sample is at `start`; return what it completes.

        Samples that were taken before are dropped, and so is an incomplete frame before a gap. An
        empty chunk can only announce a gap. Half a sample raises Misuse.
        """
        if start == self._end and not self._rest and not len(pcm) % FRAME_BYTES:
            self._end += len(pcm) // BYTES_PER_SAMPLE
            return Frames(None, start, pcm)
        if len(pcm) % BYTES_PER_SAMPLE:
            raise Misuse(f"{len(pcm)} bytes are not a whole number of samples")
        gap = None
        if start > self._end:
            gap = Gap(self._end, start)
            self._end = start
            self._rest = b""
        fresh = pcm[max(0, self._end - start) * BYTES_PER_SAMPLE :]
        first = self._end - len(self._rest) // BYTES_PER_SAMPLE
        self._end += len(fresh) // BYTES_PER_SAMPLE
        joined = self._rest + fresh
        whole = len(joined) // FRAME_BYTES * FRAME_BYTES
        self._rest = joined[whole:]
        return Frames(gap, first, joined[:whole])

    def snapshot(self) -> FramerState:
        """Return everything `restore` needs."""
        return FramerState(self._end, self._rest)

    @classmethod
    def restore(cls, state: FramerState) -> Self:
        """Continue from a `snapshot()`."""
        framer = cls(state.end)
        framer._rest = state.rest
        return framer


def energies(samples: FloatArray) -> FloatArray:
    """Return the mean square of every frame: float32 [k * 512] in, float32 [k] out."""
    frames = samples.reshape(-1, FRAME)
    squares: FloatArray = np.einsum("ij,ij->i", frames, frames)
    return squares / np.float32(FRAME)
