"""What the stage needs of a VAD network, whatever computes it."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from common.audio import FloatArray
from common.errors import Misuse
from vad_worker.framing import FRAME
from vad_worker.weights import VALUES

STORED = np.dtype("<f4")
SIZE = VALUES * STORED.itemsize
"""Bytes of a dumped state, whichever engine wrote it."""
_SAMPLE = np.dtype(np.float32)


class State(Protocol):
    """What an engine remembers of one leg."""

    def dump(self) -> bytes:
        """Return the state for `Engine.load_state` of any engine.

        LSTM hidden state [128], cell state [128], last samples heard [64]: little-endian float32.
        """


S = TypeVar("S", bound=State)


class Engine(Protocol[S]):
    """A network shared by all legs of a worker: one call at a time."""

    def open(self) -> S:
        """Return the state of a leg that has heard nothing."""

    def load_state(self, data: bytes) -> S:
        """Return the state that some engine dumped; Misuse for another size."""

    def run(self, states: Sequence[S], counts: Sequence[int], samples: FloatArray) -> FloatArray:
        """Return the speech probabilities of all legs' new frames, float32 [n] in 0..1.

        `samples`: float32 [n * 512] in [-1, 1] at 16 kHz, leg after leg, `counts[i]` >= 0 frames
        for `states[i]`. Each state belongs to a different leg and changes in place. Raises Misuse,
        before any state changes, if the number of samples does not fit `counts`.
        """

    def collect(self, states: Sequence[S]) -> None:
        """Fetch what the dumps of these states need in one go; they are dumped next."""


def check(counts: Sequence[int], samples: FloatArray) -> None:
    """Raise Misuse unless `samples` are as many frames as `counts` says."""
    if samples.dtype != _SAMPLE or samples.shape != (sum(counts) * FRAME,):
        raise Misuse(f"samples are {samples.dtype} {samples.shape}, not {sum(counts)} frames")


def check_size(data: bytes) -> None:
    """Raise Misuse unless `data` has the size of a dumped state."""
    if len(data) != SIZE:
        raise Misuse(f"a VAD state has {SIZE} bytes, not {len(data)}")
