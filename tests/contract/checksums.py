"""Engines whose answer is a checksum of what they were given."""

import asyncio
from collections.abc import Sequence
from zlib import crc32

from asr_worker.align.units import Unit
from asr_worker.api import DecodeRequest, Hypothesis, Word
from common.audio import SAMPLE_RATE, FloatArray


class ChecksumEngine:
    """Hears the length and the checksum of what it is given."""

    name = "checksum"
    isolated = False
    in_clauses = False
    concurrency = 2

    def __init__(self) -> None:
        self.cancelled = 0

    async def start(self) -> None:
        """Nothing to load."""

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Hypothesis(f"{len(request.audio)} {crc32(request.audio.tobytes()):08x}", "English")

    async def watch(self) -> None:
        """Nothing can die."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing to release."""


class ChecksumAligner:
    """Finds one word in all of the audio: the checksum of everything it is given."""

    async def start(self) -> None:
        """Nothing to load."""

    async def align(self, name: str, audio: FloatArray, units: Sequence[Unit]) -> tuple[Word, ...]:
        await asyncio.sleep(0)
        given = crc32("/".join(unit.text for unit in units).encode(), crc32(audio.tobytes()))
        return (Word(f"{name} {given:08x}", 0.0, len(audio) / SAMPLE_RATE, 1.0),)

    async def watch(self) -> None:
        """Nothing can die."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing to release."""
