"""Silero VAD v6 in torch, on a GPU or the CPU: the states of all legs on the device.

A batch has a row per leg, a state leaves the device for its checkpoint only. The dumped state is
that of the other engines, so that any worker can go on from it.
"""

from collections.abc import Sequence

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from common.audio import FloatArray
from common.rows import Row, Rows, Shape
from vad_worker.api import STORED, check, check_size
from vad_worker.framing import FRAME
from vad_worker.torch_network import TorchNetwork
from vad_worker.weights import VALUES, installed


class TorchVadState:
    """What the model remembers of one leg; made by `TorchVad`, changed by its `run`."""

    __slots__ = ("_rows", "row")

    def __init__(self, rows: Rows, values: FloatArray) -> None:
        self._rows = rows
        self.row: Row = rows.open(values)

    def dump(self) -> bytes:
        """See `State.dump`."""
        return self._rows.read(self.row).astype(STORED, copy=False).tobytes()


class TorchVad:
    """The model, shared by all legs. It takes one thread of a CPU, process-wide.

    Args:
        device: cpu or cuda.
        legs: how many are expected.

    Raises SettingsError when the model file is not installed, or is not the known one.
    """

    def __init__(self, device: str, legs: int) -> None:
        threadpool_limits(1, user_api="blas")  # of numpy, for what the stage computes itself
        torch.set_num_threads(1)
        network = TorchNetwork(installed(), device)
        self.rows = Rows(
            network,
            Shape(VALUES, FRAME, 1),
            device=device,
            blank=np.zeros(VALUES, np.float32),
            expected=legs,
        )

    def open(self) -> TorchVadState:
        """See `Engine.open`."""
        return TorchVadState(self.rows, np.zeros(VALUES, np.float32))

    def load_state(self, data: bytes) -> TorchVadState:
        """See `Engine.load_state`."""
        check_size(data)
        return TorchVadState(self.rows, np.frombuffer(data, STORED).astype(np.float32))

    def run(
        self, states: Sequence[TorchVadState], counts: Sequence[int], samples: FloatArray
    ) -> FloatArray:
        """See `Engine.run`."""
        check(counts, samples)
        rows = [state.row for state in states]
        return self.rows.run(rows, counts, samples.reshape(-1, FRAME))[:, 0]

    def collect(self, states: Sequence[TorchVadState]) -> None:
        """See `Engine.collect`."""
        self.rows.fetch([state.row for state in states])
