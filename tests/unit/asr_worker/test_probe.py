"""The sound that engines are measured with is one that they hear."""

import numpy as np

from asr_worker import probe
from asr_worker.api import EngineSettings, Hypothesis
from asr_worker.cpu.stepwise import StepwiseEngine
from asr_worker.moonshine.pieces import is_audible


def test_it_is_always_the_same_and_every_engine_hears_it():
    sound = probe.noise(0.5)
    assert len(sound) == 8_000
    assert sound.dtype == np.float32
    assert np.array_equal(sound, probe.noise(0.5))
    assert is_audible(sound)
    assert np.abs(sound).max() < 0.02, "no speech is as faint"


async def test_a_cpu_engine_is_warmed_up_with_it():
    warmed = []

    class Listening:
        def steps(self, requests):
            yield
            warmed.extend(requests)
            return [Hypothesis("")]

    class Engine(StepwiseEngine):
        name = "listening"

        def load(self):
            return Listening()

        def likeness(self, request):
            return 0

    engine = Engine(EngineSettings(concurrency=1))
    await engine.start()
    await engine.close()
    (request,) = warmed
    assert len(request.audio) == 16_000
    assert is_audible(request.audio)
