"""The stage with many legs: as many threads as are worth it, the same output."""

import numpy as np
import pytest

from common.audio import float_to_pcm16
from common.bus.keys import Leg
from common.bus.wire import NOTHING, Chunk, Control
from common.options import SessionOptions
from common.pipeline.control import End, Flush
from common.pipeline.work import LegWork
from common.stage.api import Audio, Claim, Recovery
from denoise_worker.settings import DenoiseSettings
from denoise_worker.stage import DenoiseStage

LEGS = 40


@pytest.fixture
def entries():
    noise = np.random.default_rng(8).uniform(-0.2, 0.2, 4_000).astype(np.float32)
    return [Chunk(4_000, float_to_pcm16(noise)), Control(4_000, 2, End())]


async def step(threads, entries):
    """The clean audio of every leg."""
    stage = DenoiseStage(DenoiseSettings(denoise_threads=threads))
    await stage.start()
    fresh = Recovery(None, NOTHING)
    item = LegWork(options=SessionOptions(), gateway="gw", source="clean", events=True, align=False)
    claims = [Claim(f"call{n}/0", Leg(f"call{n}", 0), item, b"1-0", 1) for n in range(LEGS)]
    # Every third leg hears something, so that the legs of a thread differ in what they bring.
    work = [
        (stage.open(claim, fresh, lambda: None), entries if n % 3 else entries[1:])
        for n, claim in enumerate(claims)
    ]
    effects = await stage.step(work)
    await stage.stop()
    return [[e.pcm for e in each if isinstance(e, Audio)] for each in effects]


async def test_threads_change_nothing(entries):
    outputs = [
        [np.frombuffer(b"".join(leg), "<i2") for leg in await step(threads, entries)]
        for threads in (1, 3)
    ]
    assert [len(leg) for leg in outputs[0]] == [4_000 if n % 3 else 0 for n in range(LEGS)]
    for one, three in zip(*outputs, strict=True):
        np.testing.assert_allclose(three, one, atol=1)


async def test_a_step_without_audio_runs_nothing():
    assert await step(2, [Control(0, 2, Flush())] * 2) == [[]] * LEGS
