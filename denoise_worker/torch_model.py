"""DeepFilterNet3 in torch, on a GPU or the CPU: the memory of all legs on the device.

A batch has a row per leg, a row leaves the device for its checkpoint only. The dumped memory is
that of the numpy engine, so that any worker can go on from it.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from common.audio import FloatArray
from common.errors import Misuse
from common.rows import Row, Rows, Shape
from denoise_worker.alignment import HOP
from denoise_worker.api import check, initial_row, stored
from denoise_worker.archive import read_weights
from denoise_worker.memory_layout import SIZE, fresh_row
from denoise_worker.torch_filtering import OPTIONS, TorchFilter


class TorchDenoiseState:
    """One leg's noise suppression; made by `TorchDeepFilter.open`, changed by its `run`."""

    __slots__ = ("_rows", "row")

    def __init__(self, rows: Rows, values: FloatArray) -> None:
        self._rows = rows
        self.row: Row = rows.open(values)

    def dump(self) -> bytes:
        """See `State.dump`."""
        return stored(self._rows.read(self.row)[:SIZE])


class TorchDeepFilter:
    """The loaded model of one worker.

    Args:
        model_path: a DeepFilterNet3 ``*_onnx.tar.gz``; None means the one in the wheel.
        device: cpu or cuda.
        threads: of the CPU, process-wide, that share each product there.
        legs: how many are expected.

    Raises SettingsError, naming the file and what is wrong with it.
    """

    threads = 1

    def __init__(self, model_path: Path | None, *, device: str, threads: int, legs: int) -> None:
        threadpool_limits(1, user_api="blas")  # of numpy, for what the stage computes itself
        torch.set_num_threads(threads)
        step = TorchFilter(read_weights(model_path), device)
        blank = np.pad(fresh_row(), (0, OPTIONS))
        self.rows = Rows(
            step, Shape(SIZE + OPTIONS, HOP, HOP), device=device, blank=blank, expected=legs
        )

    def open(
        self,
        *,
        post_filter: bool = False,
        memory: bytes | None = None,
    ) -> TorchDenoiseState:
        """See `Engine.open`."""
        options = np.array([post_filter], np.float32)
        return TorchDenoiseState(self.rows, np.concatenate((initial_row(memory), options)))

    def run(self, legs: Sequence[tuple[TorchDenoiseState, FloatArray]]) -> list[FloatArray]:
        """See `Engine.run`."""
        if not legs:
            return []
        # Checked together: a check of each leg would take longer than a GPU takes for all.
        try:
            inputs = np.concatenate([hops for _, hops in legs])
        except ValueError as error:
            raise Misuse(f"hops of several shapes: {error}") from None
        check(inputs)
        counts = [len(hops) for _, hops in legs]
        answers = self.rows.run([state.row for state, _ in legs], counts, inputs)
        ends = np.cumsum([0, *counts]).tolist()
        return [answers[start:end] for start, end in pairwise(ends)]

    def collect(self, states: Sequence[TorchDenoiseState]) -> None:
        """See `Engine.collect`."""
        self.rows.fetch([state.row for state in states])
