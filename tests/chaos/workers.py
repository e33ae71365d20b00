"""The real ASR worker around the engine of `tests.chaos.blocks`: ``python -m tests.chaos.workers``.

A decode takes a little time, so that faults hit decodes: CHAOS_DECODE_S and, for every second of
audio, CHAOS_DECODE_PER_S.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from functools import partial

from prometheus_client import CollectorRegistry

from asr_worker import engines
from asr_worker.api import DecodeRequest, EngineSettings, Hypothesis
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from common.audio import SAMPLE_RATE
from common.stage import worker
from common.telemetry.metrics import AsrMetrics
from tests.chaos.blocks import marked

_CONCURRENCY = 16


class BlockEngine:
    """Says which samples it was given."""

    name = "blocks"
    isolated = False
    in_clauses = True

    def __init__(self, settings: EngineSettings) -> None:
        self.concurrency = settings.concurrency or _CONCURRENCY
        self._least = float(os.environ.get("CHAOS_DECODE_S", "0.05"))
        self._per_second = float(os.environ.get("CHAOS_DECODE_PER_S", "0.02"))

    async def start(self) -> None:
        """Nothing to load."""

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """See `Engine.decode`."""
        seconds = len(request.audio) / SAMPLE_RATE
        await asyncio.sleep(self._least + seconds * self._per_second)
        return Hypothesis(marked(request.audio), language="English")

    async def watch(self) -> None:
        """Nothing can die."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing to release."""


def _build(settings: AsrSettings, registry: CollectorRegistry) -> AsrStage:
    make = partial(BlockEngine, engines.settings_of(settings))
    return AsrStage(settings, make(), AsrMetrics.build(registry), build=make)


def main(argv: Sequence[str]) -> int:
    """Run the worker with these settings; return the process's exit code."""
    return worker.main(AsrSettings, _build, engines.slots, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
