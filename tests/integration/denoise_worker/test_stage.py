"""The stage with many legs: as many threads as are worth it, the same output.

And with a call's own options, from the client's message to the model.
"""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from common.audio import float_to_pcm16, pcm16_to_float
from common.bus.keys import Leg
from common.bus.wire import NOTHING, Chunk, Control
from common.options import SessionOptions
from common.pipeline.control import End, Flush
from common.pipeline.record import pack
from common.pipeline.work import LEG_WORK, LegWork
from common.stage.api import Assignment, Audio, Entry, Recovery
from denoise_worker.alignment import DELAY, HOP
from denoise_worker.mixing import Mixer
from denoise_worker.model import DeepFilter
from denoise_worker.settings import DenoiseSettings
from denoise_worker.stage import DenoiseStage
from gateway.protocols.api import Request
from gateway.protocols.commands import Open
from gateway.protocols.native import NativeCodec
from tests.contract.stage_rigs import effects_of

LEGS = 40
WORK = LegWork(options=SessionOptions(denoise=True), gateway="gw", source="clean", events=True)


@pytest.fixture
def entries():
    noise = np.random.default_rng(8).uniform(-0.2, 0.2, 4_000).astype(np.float32)
    return [Chunk(4_000, float_to_pcm16(noise)), Control(4_000, 2, End())]


def assigned(leg: Leg, work: LegWork) -> Assignment[LegWork]:
    """Return the work item of a leg that has not been given up."""
    return Assignment(str(leg), leg, work, b"1-0", 1)


async def step(threads, entries):
    """The clean audio of every leg."""
    stage = DenoiseStage(DenoiseSettings(denoise_threads=threads))
    await stage.start()
    fresh = Recovery(None, NOTHING)
    assignments = [assigned(Leg(f"call{n}", 0), WORK) for n in range(LEGS)]
    # Every third leg hears something, so that the legs of a thread differ in what they bring.
    work = [
        (stage.open(assignment, fresh, lambda: None), entries if n % 3 else entries[1:])
        for n, assignment in enumerate(assignments)
    ]
    outcomes = await stage.step(work)
    await stage.stop()
    return [[e.pcm for e in effects_of(each) if isinstance(e, Audio)] for each in outcomes]


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


def asked(**options: Any) -> LegWork:
    """The work item of a call whose client sent these options."""
    codec = NativeCodec(SessionOptions(), Request())
    config = json.dumps({"type": "config", "denoise": True, **options})
    (opened,) = codec.receive_text(config)
    assert isinstance(opened, Open)
    return LEG_WORK.unpack(pack(replace(WORK, options=opened.options)))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"post_filter": True, "attenuation_limit": 20.0}),
        ({"post_filter": None, "attenuation_limit": None}, {"post_filter": True}),
        ({"post_filter": False}, {"post_filter": False}),
        ({"attenuation_limit": 6}, {"post_filter": True, "attenuation_limit": 6.0}),
        ({"attenuation_limit": 0}, {"post_filter": True, "attenuation_limit": 0.0}),
        (
            {"post_filter": False, "attenuation_limit": 100},
            {"post_filter": False, "attenuation_limit": 100.0},
        ),
    ],
)
async def test_a_call_chooses_and_null_leaves_it_to_the_worker(shared_speech, options, expected):
    speech, rate = soundfile.read(shared_speech / "noisy_snr0_48k.wav", dtype="float32")
    heard = np.clip(soxr.resample(speech, rate, 16_000), -1, 1)[: 300 * HOP].astype(np.float32)
    heard = pcm16_to_float(float_to_pcm16(heard))
    stage = DenoiseStage(DenoiseSettings(dfn_post_filter=True, dfn_attenuation_limit=20.0))
    await stage.start()
    assignment = assigned(Leg("call", 0), asked(**options))
    leg = stage.open(assignment, Recovery(None, NOTHING), lambda: None)
    audio: list[Entry] = [Chunk(len(heard), float_to_pcm16(heard)), Control(len(heard), 2, End())]
    (outcome,) = await stage.step([(leg, audio)])
    await stage.stop()
    effects = effects_of(outcome)
    clean = np.frombuffer(b"".join(e.pcm for e in effects if isinstance(e, Audio)), "<i2")

    model = DeepFilter()
    limit = expected.pop("attenuation_limit", 20.0)
    state = model.open(**expected)
    hops = np.concatenate((heard, np.zeros(DELAY, np.float32))).reshape(-1, HOP)
    (answer,) = model.run([(state, hops)])
    mixed = Mixer(limit).mix(heard, answer.reshape(-1)[DELAY:])
    wanted = np.frombuffer(float_to_pcm16(mixed), "<i2")
    np.testing.assert_allclose(clean, wanted, atol=1)
