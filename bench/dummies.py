"""The real workers around engines that cost next to nothing: ``python -m bench.dummies vad|asr``.

Whatever these processes use up beyond a matrix product per frame is the price of the runtime and
the bus.
"""

import asyncio
import sys
from collections.abc import Sequence
from functools import partial

import numpy as np
from prometheus_client import CollectorRegistry

from asr_worker import engines
from asr_worker.api import DecodeRequest, EngineSettings, Hypothesis
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from common.audio import FloatArray
from common.stage import worker
from common.telemetry.metrics import AsrMetrics, VadMetrics
from vad_worker.framing import FRAME
from vad_worker.model import SileroVad, VadState
from vad_worker.settings import VadSettings
from vad_worker.stage import VadStage

TEXT = "hello world this is a result text"
"""What every utterance is recognised as."""

_HIDDEN = 64
_MELS = 80
_LOUD = 0.02
"""Mean absolute sample from which a frame is speech."""


class LoudnessVad(SileroVad):
    """Calls loud frames speech; states, and so checkpoints, are as large as the real model's."""

    def __init__(self) -> None:
        self._weights = np.full((FRAME, _HIDDEN), 1.0 / FRAME / _LOUD, np.float32)

    def run(
        self, states: Sequence[VadState], counts: Sequence[int], samples: FloatArray
    ) -> FloatArray:
        """See `SileroVad.run`: one product over the frames of all legs."""
        frames = samples.reshape(-1, FRAME)
        hidden = np.tanh(0.55 * (np.abs(frames) @ self._weights))  # tanh(0.55) is 0.5
        probabilities: FloatArray = hidden.mean(axis=1)
        return probabilities


class FixedTextEngine:
    """Projects an utterance's frames onto as many values as mel bands, and says `TEXT`."""

    name = "fixed text"
    isolated = False
    in_clauses = False

    def __init__(self, settings: EngineSettings) -> None:
        self.concurrency = settings.concurrency or 1
        self._weights = np.ones((FRAME, _MELS), np.float32)

    async def start(self) -> None:
        """Nothing to load."""

    async def decode(self, request: DecodeRequest) -> Hypothesis:
        """See `Engine.decode`."""
        frames = request.audio[: len(request.audio) // FRAME * FRAME].reshape(-1, FRAME)
        np.matmul(frames, self._weights)
        return Hypothesis(TEXT, language="English")

    async def watch(self) -> None:
        """Nothing can die."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing to release."""


def _vad(settings: VadSettings, registry: CollectorRegistry) -> VadStage:
    return VadStage(settings, LoudnessVad, VadMetrics.build(registry))


def _asr(settings: AsrSettings, registry: CollectorRegistry) -> AsrStage:
    make = partial(FixedTextEngine, engines.settings_of(settings))
    return AsrStage(settings, make(), AsrMetrics.build(registry), build=make)


def main(argv: Sequence[str]) -> int:
    """Run the worker named first with the settings that follow."""
    service, *flags = argv
    if service == "vad":
        return worker.main(VadSettings, _vad, lambda settings: settings.vad_slots, flags)
    return worker.main(AsrSettings, _asr, engines.slots, flags)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
