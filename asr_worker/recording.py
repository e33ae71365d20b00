"""The audio of one utterance by position as it grows, as a model wants it."""

import numpy as np

from common.audio import SAMPLE_RATE, FloatArray, pcm16_to_float
from common.bus.wire import Chunk


class Recording:
    """float32 samples at 16 kHz in [-1, 1) from position `start` on, without holes."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._length = 0
        self._samples = np.empty(SAMPLE_RATE, np.float32)

    @property
    def end(self) -> int:
        """Position after the last sample; `start` while there is none."""
        return self._start + self._length

    def add(self, chunk: Chunk) -> None:
        """Take what of `chunk` is new. Costs what that is, on average.

        Audio that was skipped becomes silence, which keeps the times right; it was announced as a
        gap in the speech stream.
        """
        if chunk.end <= self.end:
            return
        known = max(0, self.end - chunk.start)
        skipped = max(0, chunk.start - self.end)
        fresh = pcm16_to_float(chunk.pcm)[known:]
        self._reserve(chunk.end - self._start)
        first = self._length + skipped
        self._samples[self._length : first] = 0.0
        self._samples[first : first + len(fresh)] = fresh
        self._length = first + len(fresh)

    def until(self, end: int) -> FloatArray:
        """Return the audio before position `end`, or all if it ends earlier: a read-only view."""
        view = self._samples[: min(end - self._start, self._length)]
        view.flags.writeable = False
        return view

    def _reserve(self, length: int) -> None:
        if length > len(self._samples):
            # Views handed out before keep the array they look at.
            grown = np.empty(max(length, 2 * len(self._samples)), np.float32)
            grown[: self._length] = self._samples[: self._length]
            self._samples = grown
