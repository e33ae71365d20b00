"""Silero VAD v6 in numpy: the states of legs, and one batch over all legs of a worker.

The model reads 512 samples at 16 kHz with the 64 before them, and keeps a recurrent state per leg
(https://github.com/snakers4/silero-vad, `OnnxWrapper`).

One frame costs 22 to 26 us in batches of 64 to 1024 legs, 38 in batches of 16 and 140 alone, where
onnxruntime takes 67 to 71, 75 and 140 to 160 (`python -m bench vad`, one thread of a busy machine).
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from common.audio import FloatArray
from vad_worker.api import SIZE, STORED, check, check_size
from vad_worker.framing import FRAME
from vad_worker.network import BLOCK, Network
from vad_worker.weights import CONTEXT, HIDDEN, VALUES, installed

IndexArray: TypeAlias = npt.NDArray[np.intp]


class VadState:
    """What the model remembers of one leg; made by `SileroVad.open`, changed by `run`."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        # Bytes: joining and splitting a batch of them costs half as much as with arrays.
        self.data = data
        """LSTM hidden state [128], cell state [128], last samples heard [64]: float32, 1280 B."""

    def dump(self) -> bytes:
        """See `State.dump`; 1280 bytes."""
        return self.data


class SileroVad:
    """The model, shared by all legs. Creating it sets numpy's products to one thread, process-wide.

    Raises SettingsError when the model file is not installed, or is not the known one.
    """

    FRAME = FRAME
    """Samples per frame, 32 ms."""

    def __init__(self) -> None:
        # The products are too small to share: two threads on two cores took ten times as long.
        threadpool_limits(1, user_api="blas")
        self._network = Network(installed())
        self._joined = np.empty((BLOCK, 2 * HIDDEN), np.float32)
        self._cells = np.empty((BLOCK, HIDDEN), np.float32)

    def open(self) -> VadState:
        """Return the state of a leg that has heard nothing."""
        return VadState(bytes(SIZE))

    @staticmethod
    def load_state(data: bytes) -> VadState:
        """See `Engine.load_state`."""
        check_size(data)
        return VadState(bytes(data))

    def run(
        self, states: Sequence[VadState], counts: Sequence[int], samples: FloatArray
    ) -> FloatArray:
        """See `Engine.run`. Frame i of all legs that have one is one batch."""
        check(counts, samples)
        if not len(samples):
            return samples
        # Longest first: the legs of a round are then the first ones of the round before.
        lengths = np.array(counts)
        order = np.argsort(-lengths, kind="stable")[: np.count_nonzero(lengths)]
        legs = [states[leg] for leg in order.tolist()]
        lengths, begins = lengths[order], (np.cumsum(lengths) - lengths)[order]
        rows = np.repeat(begins - np.cumsum(lengths) + lengths, lengths) + np.arange(sum(counts))
        stored = np.frombuffer(b"".join([leg.data for leg in legs]), STORED)
        after = stored.astype(np.float32).reshape(-1, VALUES)
        frames = samples.reshape(-1, FRAME)
        probabilities = np.empty(len(frames), np.float32)
        probabilities[rows] = self._advance(after, frames[rows], lengths)
        data = after.astype(STORED, copy=False).tobytes()
        for row, leg in enumerate(legs):
            leg.data = data[row * SIZE : (row + 1) * SIZE]
        return probabilities

    def collect(self, states: Sequence[VadState]) -> None:
        """See `Engine.collect`; they are here already."""

    def _advance(self, states: FloatArray, frames: FloatArray, counts: IndexArray) -> FloatArray:
        """Advance `states` [n, 320] in place by `frames` [k, 512]; return k probabilities.

        The frames lie leg by leg, `counts[i]` >= 1 for leg i; no count exceeds the one before.
        """
        firsts = np.cumsum(counts) - counts
        contexts = np.empty((len(frames), CONTEXT), np.float32)
        contexts[1:] = frames[:-1, -CONTEXT:]
        contexts[firsts] = states[:, -CONTEXT:]
        features = np.empty((len(frames), HIDDEN), np.float32)
        for start in range(0, len(frames), BLOCK):
            block = slice(start, start + BLOCK)
            self._network.features(contexts[block], frames[block], features[block])
        probabilities = np.empty(len(frames), np.float32)
        for start in range(0, len(states), BLOCK):
            block = slice(start, start + BLOCK)
            self._recur(states[block], features, firsts[block], counts[block], probabilities)
        states[:, -CONTEXT:] = frames[firsts + counts - 1, -CONTEXT:]
        return probabilities

    def _recur(
        self,
        states: FloatArray,
        features: FloatArray,
        firsts: IndexArray,
        counts: IndexArray,
        probabilities: FloatArray,
    ) -> None:
        """Run the LSTM over the frames of at most BLOCK legs, a round of one frame each at a time.

        The rows of `features` and `probabilities` from `firsts[i]` on are those of leg i.
        """
        joined, cells = self._joined[: len(states)], self._cells[: len(states)]
        joined[:, HIDDEN:] = states[:, :HIDDEN]
        cells[:] = states[:, HIDDEN : 2 * HIDDEN]
        for turn in range(int(counts[0])):
            here = int(np.count_nonzero(counts > turn))
            rows = firsts[:here] + turn
            joined[:here, :HIDDEN] = features[rows]
            probabilities[rows] = self._network.step(joined[:here], cells[:here])
        states[:, :HIDDEN] = joined[:, HIDDEN:]
        states[:, HIDDEN : 2 * HIDDEN] = cells
