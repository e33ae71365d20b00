"""What the stage needs of the noise suppressor, whatever computes it."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from common.audio import FloatArray
from common.errors import Misuse
from denoise_worker.alignment import HOP
from denoise_worker.memory_layout import SIZE, fresh_row

_STORED = np.dtype("<f4")


class State(Protocol):
    """One leg's noise suppression."""

    def dump(self) -> bytes:
        """Return the memory for `Engine.open` of any engine: little-endian float32, 28 kB."""


S = TypeVar("S", bound=State)


class Engine(Protocol[S]):
    """A model shared by all legs of a worker."""

    threads: int
    """Calls of `run` that may be made at a time, for different states."""

    def open(
        self,
        *,
        post_filter: bool = False,
        memory: bytes | None = None,
    ) -> S:
        """Return a state for one leg: a fresh one, or one with a dumped memory.

        Args:
            post_filter: attenuate noise further between the harmonics of noisy speech.
            memory: what `State.dump` of some engine returned.

        Raises Misuse for memory of another size.
        """

    def run(self, legs: Sequence[tuple[S, FloatArray]]) -> list[FloatArray]:
        """Return the denoised hops of every leg, float32 [k, 160], late by three hops.

        Each leg has its state, once, and k whole hops, float32 [k, 160] in [-1, 1] at 16 kHz;
        k >= 0 may differ per leg. States change in place. Blocks. Raises Misuse, before any state
        changes, for hops of another shape or type and for samples outside [-1, 1]: one NaN or
        infinity would stay in the recurrent state for the rest of the leg.
        """

    def collect(self, states: Sequence[S]) -> None:
        """Fetch what the dumps of these states need in one go; they are dumped next."""


def initial_row(memory: bytes | None) -> FloatArray:
    """Return a fresh row, or the dumped one; Misuse for another size."""
    if memory is None:
        return fresh_row()
    if len(memory) != SIZE * _STORED.itemsize:
        size = SIZE * _STORED.itemsize
        raise Misuse(f"a denoise state has {size} bytes, not {len(memory)}")
    return np.frombuffer(memory, _STORED).astype(np.float32)


def stored(row: FloatArray) -> bytes:
    """Return a row as it is dumped."""
    return row.astype(_STORED, copy=False).tobytes()


def check(hops: FloatArray) -> None:
    """Raise Misuse for hops that `Engine.run` refuses."""
    if hops.dtype != np.float32 or hops.ndim != 2 or hops.shape[1] != HOP:
        raise Misuse(f"hops are {hops.dtype} {hops.shape}, not float32 [k, {HOP}]")
    peak = np.abs(hops).max(initial=0.0)
    if not peak <= 1.0:
        raise Misuse(f"samples reach {peak}, outside [-1, 1]; they would spoil the state")
