"""The audio of one utterance by position as it grows, as a model wants it."""

from common.audio import BYTES_PER_SAMPLE, FloatArray, pcm16_to_float
from common.bus.wire import Chunk


class Recording:
    """PCM16 at 16 kHz from position `start` on, without holes; samples only where one looks."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._pcm = bytearray()

    @property
    def end(self) -> int:
        """Position after the last sample; `start` while there is none."""
        return self._start + len(self._pcm) // BYTES_PER_SAMPLE

    def add(self, chunk: Chunk) -> None:
        """Take what of `chunk` is new. Costs what that is, on average.

        Audio that was skipped becomes silence, which keeps the times right; it was announced as a
        gap in the speech stream.
        """
        missing = chunk.start - self.end
        if missing > 0:
            self._pcm += bytes(missing * BYTES_PER_SAMPLE)
        self._pcm += chunk.pcm[max(0, -missing) * BYTES_PER_SAMPLE :]

    def until(self, end: int) -> FloatArray:
        """Return the audio before position `end`, or all if it ends earlier, float32 in [-1, 1)."""
        return pcm16_to_float(self._pcm[: max(0, end - self._start) * BYTES_PER_SAMPLE])
