"""The audio of one utterance as it grows, as a recogniser wants it."""

import numpy as np

from common.audio import SAMPLE_RATE, FloatArray, pcm16_to_float


class Recording:
    """float32 samples at 16 kHz in [-1, 1). Appending costs what is appended, on average."""

    def __init__(self) -> None:
        self._samples = np.empty(SAMPLE_RATE, np.float32)
        self._length = 0

    def append(self, pcm: bytes) -> None:
        """Add PCM16LE samples."""
        added = pcm16_to_float(pcm)
        end = self._length + len(added)
        if end > len(self._samples):
            # Views handed out before keep the array they look at.
            grown = np.empty(max(end, 2 * len(self._samples)), np.float32)
            grown[: self._length] = self._samples[: self._length]
            self._samples = grown
        self._samples[self._length : end] = added
        self._length = end

    def until(self, end: int) -> FloatArray:
        """Return the first `end` samples, or all if there are fewer: a view, not to be written."""
        view = self._samples[: min(end, self._length)]
        view.flags.writeable = False
        return view
