"""An ASR worker whose engine dies of loud audio: ``python -m tests.integration.asr_worker.deadly``.

It kills the process it is in, as a bug in a native library does. With DEADLY=no it is mended. Less
loud audio takes it long, or finds it full.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial

import numpy as np
from prometheus_client import CollectorRegistry

from asr_worker import engines
from asr_worker.api import DecodeRequest, EngineSettings, EngineUnusable, Hypothesis, Priority
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from common.audio import SAMPLE_RATE
from common.errors import AtCapacity
from common.stage import worker
from common.telemetry.metrics import AsrMetrics

FULL_FROM = 0.15
"""Peak from which it is too full for partials."""
SLOW_FROM, SLOW_S = 0.2, 2.5
"""Peak from which a decode takes so many seconds."""
DEADLY_FROM = 0.5
"""Peak from which it dies; from twice that on it hangs."""


class DeadlyEngine:
    """Says how long the audio is, if it lives."""

    name = "deadly"
    isolated = False
    in_clauses = False

    def __init__(self, settings: EngineSettings) -> None:
        self.concurrency = settings.concurrency or 1
        self._settings = settings

    async def start(self) -> None:
        """Fail if it is told to."""
        if self._settings.model == "none":
            raise EngineUnusable("there is no model")

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """See `Engine.decode`."""
        peak = float(np.abs(request.audio).max(initial=0))
        if os.environ.get("DEADLY") != "no":
            if peak > 2 * DEADLY_FROM:
                await asyncio.Event().wait()
            if peak > DEADLY_FROM:
                os.kill(os.getpid(), signal.SIGKILL)
        if FULL_FROM < peak <= SLOW_FROM and request.priority is not Priority.FINAL:
            raise AtCapacity("it is full", reason="engine", retry_after=1.0)
        if SLOW_FROM < peak <= DEADLY_FROM:
            await asyncio.sleep(SLOW_S)
        return Hypothesis(f"{len(request.audio) / SAMPLE_RATE:.1f} seconds", language="English")

    async def watch(self) -> None:
        """It takes the process along when it dies."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing to release."""


def build(settings: AsrSettings, registry: CollectorRegistry) -> AsrStage:
    """Return the stage."""
    make = partial(DeadlyEngine, engines.settings_of(settings))
    return AsrStage(settings, make(), AsrMetrics.build(registry), build=make)


def main(argv: Sequence[str]) -> int:
    """Run the worker with these settings; return the process's exit code."""
    return worker.main(AsrSettings, build, engines.slots, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
