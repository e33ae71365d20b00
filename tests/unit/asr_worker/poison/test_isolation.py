"""Suspects of an isolated engine: decoded alone, and heard of before the process ends.

Those that go to a child are tests/integration/asr_worker/poison/test_apart.py.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from asr_worker.api import DecodeFailed, DecodePoisoned, DecodeRequest, EngineDead, Priority
from asr_worker.dispatch import Dispatcher
from asr_worker.poison.quarantine import Quarantine
from common.audio import SAMPLE_RATE
from tests.unit.asr_worker.gated import GatedEngine, until


def request(utterance: str, priority: Priority = Priority.FINAL) -> DecodeRequest:
    audio = np.zeros(SAMPLE_RATE, np.float32)
    return DecodeRequest(utterance=utterance, audio=audio, priority=priority)


@pytest.fixture
def engine() -> GatedEngine:
    return GatedEngine(concurrency=3)


@pytest.fixture
async def dispatcher(engine: GatedEngine) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(engine, bound=8, patience=0.5, clock=time.monotonic)
    yield dispatcher
    await dispatcher.close()


@pytest.fixture
def quarantine(dispatcher: Dispatcher) -> Quarantine:
    return Quarantine(dispatcher, None)


def begin(work: Any) -> "asyncio.Task[Any]":
    return asyncio.create_task(work)


async def test_a_suspect_waits_until_nothing_else_is_in_flight_and_keeps_all_else_waiting(
    engine, dispatcher, quarantine
):
    before = begin(dispatcher.decode(request("before")))
    await until(lambda: engine.began == ["before"])
    suspect = begin(quarantine.decode(request("suspect")))
    after = begin(dispatcher.decode(request("after")))
    await until(lambda: dispatcher.waiting.total() == 2)
    assert engine.began == ["before"]
    engine.finish("before")
    await until(lambda: "suspect" in engine.gates)
    assert (engine.began, dispatcher.in_flight) == (["before", "suspect"], 1)
    assert quarantine.verdicts
    engine.finish("suspect")
    await until(lambda: "after" in engine.gates)
    engine.finish("after")
    assert (await suspect).hypothesis.text == "suspect"
    assert not quarantine.verdicts
    await asyncio.gather(before, after)


async def test_an_engine_that_dies_of_it_is_the_proof_and_the_verdict_is_waited_for(
    engine, quarantine
):
    suspect = begin(quarantine.decode(request("suspect")))
    await until(lambda: engine.gates)
    engine.gates["suspect"].set_exception(EngineDead("it died"))
    with pytest.raises(DecodePoisoned, match="decoded alone: it died"):
        await suspect
    assert quarantine.verdicts
    waiting = begin(quarantine.verdicts_published())
    await asyncio.sleep(0)
    assert not waiting.done()
    quarantine.settled("suspect")
    await waiting


async def test_an_engine_that_dies_of_something_else_is_no_proof(engine, dispatcher, quarantine):
    other = begin(dispatcher.decode(request("other")))
    await until(lambda: engine.gates)
    suspect = begin(quarantine.decode(request("suspect")))
    await until(lambda: dispatcher.waiting.total() == 1)
    engine.gates["other"].set_exception(EngineDead("it died"))
    for task in (other, suspect):
        with pytest.raises(EngineDead):
            await task
    assert not quarantine.verdicts
    await quarantine.verdicts_published()


async def test_an_engine_that_does_not_answer_is_proof_as_well(engine, quarantine, monkeypatch):
    monkeypatch.setattr("asr_worker.poison.quarantine._LEAST", 0.01)
    monkeypatch.setattr("asr_worker.poison.quarantine._PER_SECOND", 0.01)
    with pytest.raises(DecodePoisoned, match="decoded alone: no answer in 0 s"):
        await quarantine.decode(request("suspect"))


async def test_a_suspect_that_merely_fails_is_one_like_others(engine, quarantine):
    suspect = begin(quarantine.decode(request("suspect")))
    await until(lambda: engine.gates)
    engine.gates["suspect"].set_exception(DecodeFailed("not this time"))
    with pytest.raises(DecodeFailed):
        await suspect
    assert not quarantine.verdicts


async def test_a_verdict_that_never_comes_does_not_hold_the_process_up_for_ever(
    engine, quarantine, monkeypatch
):
    monkeypatch.setattr("asr_worker.poison.quarantine._LAST_WORDS", 0.01)
    begun = begin(quarantine.decode(request("suspect")))
    await until(lambda: engine.gates)
    await quarantine.verdicts_published()
    begun.cancel()
    await asyncio.gather(begun, return_exceptions=True)
    assert not quarantine.verdicts
