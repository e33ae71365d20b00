"""The growing audio of one utterance, by position, in the form that models read."""

from common.audio import BYTES_PER_SAMPLE, FloatArray, pcm16_to_float
from common.bus.wire import Chunk


class Recording:
    """PCM16 at 16 kHz from position `start` on, without holes; converted only when read."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._pcm = bytearray()

    @property
    def end(self) -> int:
        """Position after the last sample; `start` while there is none."""
        return self._start + len(self._pcm) // BYTES_PER_SAMPLE

    def add(self, chunk: Chunk) -> None:
        """Add the new part of `chunk`; the average cost is proportional to it.

        Missing audio becomes silence, which keeps the times right; the speech stream announced it
        as a gap.
        """
        missing = chunk.start - self.end
        if missing > 0:
            self._pcm += bytes(missing * BYTES_PER_SAMPLE)
        self._pcm += chunk.pcm[max(0, -missing) * BYTES_PER_SAMPLE :]

    def until(self, end: int, since: int | None = None) -> FloatArray:
        """Return the audio before position `end`, or all if it ends earlier, float32 in [-1, 1).

        It begins at position `since`, or with the first sample.
        """
        first = max(self._start, self._start if since is None else since)
        here, there = ((at - self._start) * BYTES_PER_SAMPLE for at in (first, max(first, end)))
        return pcm16_to_float(self._pcm[here:there])
