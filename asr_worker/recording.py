"""The growing audio of one utterance, by position, in the form that models read."""

from common.audio import BYTES_PER_SAMPLE, FloatArray, pcm16_to_float, samples
from common.bus.wire import Chunk
from common.options import OPTIONS

LONGEST = samples(OPTIONS["max_utterance"].high)
"""No utterance is longer. The `max_utterance` of its own options does not bound it: a client may
lower that while an utterance is heard and not yet offered."""
GONE = "its audio is no longer kept"
"""Why nothing comes of a recording that is `gone`, for the client to read."""


class Recording:
    """PCM16 at 16 kHz from position `start` on, without holes; converted only when read.

    It holds `LONGEST` samples at most and ignores later ones: they come when the end is not known
    because no VAD worker runs.
    """

    def __init__(self, start: int) -> None:
        self._start = start
        self._pcm = bytearray()
        self.gone = False
        """Whether its beginning was cut off in Redis before it was read; it then stays empty."""

    @property
    def end(self) -> int:
        """Position after the last sample; `start` while there is none."""
        return self._start + len(self._pcm) // BYTES_PER_SAMPLE

    def add(self, chunk: Chunk) -> None:
        """Add the new part of `chunk`; the average cost is proportional to it.

        Audio that is missing amid it becomes silence, which keeps the times right. Audio that is
        missing at its start is gone: no utterance begins inside a gap, and streams are trimmed from
        their beginning.
        """
        self.gone = self.gone or self.end == self._start < chunk.start
        if self.gone:
            return
        missing = min(chunk.start, self._start + LONGEST) - self.end
        if missing > 0:
            self._pcm += bytes(missing * BYTES_PER_SAMPLE)
        self._pcm += chunk.pcm[max(0, -missing) * BYTES_PER_SAMPLE :]
        del self._pcm[LONGEST * BYTES_PER_SAMPLE :]

    def until(self, end: int, since: int | None = None) -> FloatArray:
        """Return the audio before position `end`, or all if it ends earlier, float32 in [-1, 1).

        It begins at position `since`, or with the first sample.
        """
        first = max(self._start, self._start if since is None else since)
        here, there = ((at - self._start) * BYTES_PER_SAMPLE for at in (first, max(first, end)))
        return pcm16_to_float(self._pcm[here:there])
