"""Silero VAD v6 in numpy: the states of legs, and one batch over all legs of a worker.

The model reads 512 samples at 16 kHz with the 64 before them, and keeps a recurrent state per leg
(https://github.com/snakers4/silero-vad, `OnnxWrapper`). Its weights come from the `silero-vad`
wheel (requirements-no-deps.txt); the package is not imported, because it needs torch. The wheel's
safetensors file is not read: it holds the weights of another network.

One frame costs 22 to 26 us in batches of 64 to 1024 legs, 38 in batches of 16 and 140 alone, where
onnxruntime takes 67 to 71, 75 and 140 to 160 (`python -m bench vad`, one thread of a busy machine).
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from common import onnx
from common.audio import FloatArray
from common.errors import Misuse, SettingsError
from common.installed import data_file
from vad_worker.framing import FRAME
from vad_worker.network import BLOCK, CONTEXT, HIDDEN, Network

IndexArray: TypeAlias = npt.NDArray[np.intp]

_CURE = "pip install --no-deps 'silero-vad>=6.2,<7'"
_VALUES = 2 * HIDDEN + CONTEXT
_STORED = np.dtype("<f4")
_SIZE = _VALUES * _STORED.itemsize
_SAMPLE = np.dtype(np.float32)


class VadState:
    """What the model remembers of one leg; made by `SileroVad.open`, changed by `run`."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        # Bytes: joining and splitting a batch of them costs half as much as with arrays.
        self.data = data
        """LSTM hidden state [128], cell state [128], last samples heard [64]: float32, 1280 B."""

    def dump(self) -> bytes:
        """Return the state for `SileroVad.load_state`: 320 little-endian float32, 1280 bytes."""
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
        path = data_file("silero_vad", "data/silero_vad_16k_op15.onnx")
        if path is None:
            raise SettingsError(f"the VAD model is not installed: {_CURE}")
        try:
            tensors = onnx.tensors(path.read_bytes())
            self._network = Network({k.removeprefix("model."): v for k, v in tensors.items()})
        except (OSError, ValueError) as error:
            raise SettingsError(f"{path} is not the VAD model: {error}") from error
        self._joined = np.empty((BLOCK, 2 * HIDDEN), np.float32)
        self._cells = np.empty((BLOCK, HIDDEN), np.float32)

    def open(self) -> VadState:
        """Return the state of a leg that has heard nothing."""
        return VadState(bytes(_SIZE))

    @staticmethod
    def load_state(data: bytes) -> VadState:
        """Return the state that `VadState.dump` wrote; Misuse for another size."""
        if len(data) != _SIZE:
            raise Misuse(f"a VAD state has {_SIZE} bytes, not {len(data)}")
        return VadState(bytes(data))

    def run(
        self, states: Sequence[VadState], counts: Sequence[int], samples: FloatArray
    ) -> FloatArray:
        """Return the speech probabilities of all legs' new frames, float32 [n] in 0..1.

        `samples`: float32 [n * 512] in [-1, 1] at 16 kHz, leg after leg, `counts[i]` >= 0 frames
        for `states[i]`. Each state belongs to a different leg and changes in place. Frame i of all
        legs that have one is one batch. Raises Misuse, before any state changes, if the number of
        samples does not fit `counts`.
        """
        if samples.dtype != _SAMPLE or samples.shape != (sum(counts) * FRAME,):
            raise Misuse(f"samples are {samples.dtype} {samples.shape}, not {sum(counts)} frames")
        if not len(samples):
            return samples
        # Longest first: the legs of a round are then the first ones of the round before.
        lengths = np.array(counts)
        order = np.argsort(-lengths, kind="stable")[: np.count_nonzero(lengths)]
        legs = [states[leg] for leg in order.tolist()]
        lengths, begins = lengths[order], (np.cumsum(lengths) - lengths)[order]
        rows = np.repeat(begins - np.cumsum(lengths) + lengths, lengths) + np.arange(sum(counts))
        stored = np.frombuffer(b"".join([leg.data for leg in legs]), _STORED)
        after = stored.astype(np.float32).reshape(-1, _VALUES)
        frames = samples.reshape(-1, FRAME)
        probabilities = np.empty(len(frames), np.float32)
        probabilities[rows] = self._advance(after, frames[rows], lengths)
        data = after.astype(_STORED, copy=False).tobytes()
        for row, leg in enumerate(legs):
            leg.data = data[row * _SIZE : (row + 1) * _SIZE]
        return probabilities

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
