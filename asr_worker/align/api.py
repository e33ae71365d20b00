"""The interface of an aligner, so that the stage does not depend on one."""

from collections.abc import Sequence
from typing import Protocol

from asr_worker.align.units import Unit
from asr_worker.api import Word
from common.audio import FloatArray


class Aligner(Protocol):
    """A loaded aligner. All methods belong to one event loop."""

    async def start(self) -> None:
        """Load and warm up. Raises EngineUnusable with what the operator has to change."""

    async def align(self, name: str, audio: FloatArray, units: Sequence[Unit]) -> tuple[Word, ...]:
        """Return the words made of `units`, at least one, with their times in `audio`.

        `audio` is float32 [n] at 16 kHz, n > 0; times are seconds from its first sample, inside
        it, and never decrease. `name` is unique for this text and this audio. Cancelling abandons
        the request. Raises DecodeFailed (this text cannot be aligned, others can), AtCapacity (the
        engine's own queue is full) or EngineDead.
        """

    async def watch(self) -> None:
        """Never return; raise EngineDead once the engine has died, even without a request."""

    async def close(self) -> None:
        """Release everything. Safe to call twice or unstarted."""
