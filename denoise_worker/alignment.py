"""The position of each denoised sample: hops in, delay removed, as many samples out as came in.

The model reads hops of 160 samples at 16 kHz and answers each with a hop that is `DELAY` samples
late: one hop for the overlap of its short-time Fourier transform, two for its lookahead. So the
answer to hop n belongs to hop n - 3; nothing is measured and nothing is rounded.
"""

import numpy as np

from common.audio import FloatArray

HOP = 160
"""Samples that the model reads and answers in one step: 10 ms."""
DELAY = 3 * HOP
"""Samples by which the model's answer lags its input."""


class HopAligner:
    """Cuts a stretch of audio without gaps into hops and tells which samples they answer.

    Positions count samples; `origin` is the first of the stretch.
    """

    def __init__(
        self, origin: int, taken: int | None = None, inside: FloatArray | None = None
    ) -> None:
        """Begin a stretch, or continue one from the values of another aligner."""
        self.origin = origin
        self.taken = origin if taken is None else taken
        """End of the audio pushed so far."""
        self.inside = np.zeros(0, np.float32) if inside is None else inside
        """What came in at [ready, taken)."""

    @property
    def next_answer(self) -> int:
        """Position of the first sample that the next hop's answer holds; before `origin` at first.

        The part before `origin` is the model's delay; it is dropped.
        """
        return self.origin + (self.taken - self.origin) // HOP * HOP - DELAY

    @property
    def ready(self) -> int:
        """End of the model's answers to all hops so far."""
        return max(self.origin, self.next_answer)

    def push(self, samples: FloatArray) -> FloatArray:
        """Take float32 [n], any n; return the hops that are now complete, [k, 160]."""
        rest = (self.taken - self.origin) % HOP
        before = self.ready
        held = np.concatenate((self.inside, samples))
        fresh = held[len(self.inside) - rest :]
        self.taken += len(samples)
        self.inside = held[self.ready - before :]
        return fresh[: len(fresh) // HOP * HOP].reshape(-1, HOP)

    def flush(self) -> FloatArray:
        """Return hops, padded with silence, whose answers hold the rest of the audio."""
        rest = (self.taken - self.origin) % HOP
        padded = np.zeros(DELAY + rest + -rest % HOP, np.float32)
        padded[:rest] = self.inside[len(self.inside) - rest :]
        return padded.reshape(-1, HOP)
