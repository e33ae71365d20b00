"""A final waits for its voices, where speakers are told apart, and for no others."""

import asyncio
from dataclasses import replace
from functools import partial
from threading import Event

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from common.bus.keys import Leg
from common.bus.wire import NOTHING, Chunk
from common.options import SessionOptions
from common.pipeline.text import Final, Voice
from common.stage.api import Assignment, Commit, Done, Recovery
from common.telemetry.metrics import AsrMetrics
from tests.unit.asr_worker.test_stage import ENDED, WORK, StandIn

DIARIZED = replace(WORK, options=SessionOptions(diarize=True))
VOICE = Voice.of(0, 16_000, bytes(256))
SPEECH = Chunk(16_000, np.full(16_000, 500, np.int16).tobytes())


class Encoder:
    """Answers once it may, or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.may = Event()
        self.heard: list[tuple[int, int]] = []
        self._fails = fails

    def voices(self, audio, start):
        assert self.may.wait(30)
        self.heard.append((len(audio), start))
        if self._fails:
            raise ValueError("no voice")
        return (VOICE,)


class House:
    """A stage with one utterance, whose text is there as soon as it is asked for."""

    def __init__(self, encoder, work=DIARIZED) -> None:
        metrics = AsrMetrics.build(CollectorRegistry())
        self.stage = AsrStage(AsrSettings(), StandIn(None), metrics, encoder=encoder)
        self.woken: asyncio.Queue[int] = asyncio.Queue()
        self._work = work

    async def __aenter__(self):
        await self.stage.start()
        assignment = Assignment("s.0/1", Leg("s", 0), self._work, b"1-0", 1)
        recovery = Recovery(None, NOTHING)
        self.state = self.stage.open(assignment, recovery, partial(self.woken.put_nowait, 1))
        return self

    async def __aexit__(self, *error):
        self.stage.close(self.state)
        await self.stage.stop()

    async def step(self, *entries):
        (effects,) = await self.stage.step([(self.state, entries)])
        return effects

    async def until_done(self):
        while not (effects := await self.step()):
            await self.woken.get()
        return effects


async def test_a_final_has_the_voices_of_its_utterance():
    encoder = Encoder()
    encoder.may.set()
    async with House(encoder) as house:
        await house.step(SPEECH, ENDED)
        final, done = await house.until_done()
    assert isinstance(final, Commit)
    assert isinstance(final.item, Final)
    assert (final.item.text, final.item.voices, done) == ("hello", (VOICE,), Done())
    assert encoder.heard == [(16_000, 0)]


async def test_a_final_waits_until_its_voices_are_known():
    encoder = Encoder()
    async with House(encoder) as house:
        await house.step(SPEECH, ENDED)
        await house.woken.get()  # its text is there
        assert await house.step() == []
        assert await house.step() == []
        encoder.may.set()
        final, _ = await house.until_done()
    assert final.item.voices == (VOICE,)


async def test_voices_that_cannot_be_found_cost_nothing_else(caplog):
    encoder = Encoder(fails=True)
    encoder.may.set()
    async with House(encoder) as house:
        await house.step(SPEECH, ENDED)
        final, done = await house.until_done()
    assert (final.item.text, final.item.voices, done) == ("hello", None, Done())
    assert "voices.failed" in caplog.text


@pytest.mark.parametrize("work", [WORK, DIARIZED])
async def test_nothing_is_listened_to_that_was_not_asked_for_or_cannot_be(work):
    encoder = None if work is DIARIZED else Encoder()
    async with House(encoder, work) as house:
        await house.step(SPEECH, ENDED)
        final, _ = await house.until_done()
    assert final.item.voices is None
    assert encoder is None or encoder.heard == []


@pytest.mark.parametrize("encoder", [None, Encoder()])
def test_it_reports_whether_it_tells_voices_apart(encoder):
    metrics = AsrMetrics.build(CollectorRegistry())
    stage = AsrStage(AsrSettings(), StandIn(None), metrics, encoder=encoder)
    assert stage.load().voices is (encoder is not None)
