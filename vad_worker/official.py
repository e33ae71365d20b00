"""Silero VAD's own ONNX file in onnxruntime, a frame of one leg at a time, as its package runs it.

The package itself is not imported: it needs torch for no more than arrays.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from common.audio import SAMPLE_RATE, FloatArray
from common.errors import SettingsError
from vad_worker.api import STORED, check, check_size
from vad_worker.framing import FRAME
from vad_worker.weights import CONTEXT, HIDDEN, official_file

_RATE = np.array(SAMPLE_RATE, np.int64)


class OfficialState:
    """What the model remembers of one leg; made by `OfficialVad`, changed by its `run`."""

    __slots__ = ("context", "recurrent")

    def __init__(self, data: bytes) -> None:
        values = np.frombuffer(data, STORED).astype(np.float32)
        self.recurrent = values[: 2 * HIDDEN].reshape(2, 1, HIDDEN)
        self.context = values[None, 2 * HIDDEN :]

    def dump(self) -> bytes:
        """See `State.dump`."""
        values = np.concatenate((self.recurrent.reshape(-1), self.context.reshape(-1)))
        return values.astype(STORED, copy=False).tobytes()


class OfficialVad:
    """The model, shared by all legs.

    Raises SettingsError when onnxruntime or the model file is not installed.
    """

    def __init__(self) -> None:
        self._session = session()

    def open(self) -> OfficialState:
        """See `Engine.open`."""
        return OfficialState(bytes((2 * HIDDEN + CONTEXT) * STORED.itemsize))

    def load_state(self, data: bytes) -> OfficialState:
        """See `Engine.load_state`."""
        check_size(data)
        return OfficialState(data)

    def run(
        self, states: Sequence[OfficialState], counts: Sequence[int], samples: FloatArray
    ) -> FloatArray:
        """See `Engine.run`."""
        check(counts, samples)
        frames = iter(samples.reshape(-1, 1, FRAME))
        said = [
            self._advance(state, next(frames))
            for state, count in zip(states, counts, strict=True)
            for _ in range(count)
        ]
        return np.array(said, np.float32)

    def collect(self, states: Sequence[OfficialState]) -> None:
        """See `Engine.collect`; they are here already."""

    def _advance(self, state: OfficialState, frame: FloatArray) -> float:
        heard = np.concatenate((state.context, frame), axis=1)
        feed = {"input": heard, "state": state.recurrent, "sr": _RATE}
        output, state.recurrent = self._session.run(["output", "stateN"], feed)
        state.context = frame[:, -CONTEXT:].copy()
        return float(output[0, 0])


def session() -> Any:
    """Return the file in onnxruntime, on one thread; SettingsError as `OfficialVad`."""
    path = official_file("silero_vad.onnx")
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError:
        cure = "pip install 'callscribe[vad-official]'"
        raise SettingsError(
            f"--vad-engine official: onnxruntime is not installed: {cure}"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
