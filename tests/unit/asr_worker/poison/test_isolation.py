"""Poison candidates in an isolated engine: decoded alone, and settled before the process ends.

tests/integration/asr_worker/poison/test_child.py has those that go to a child.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from asr_worker.api import DecodeFailed, DecodePoisoned, DecodeRequest, EngineDead, Priority
from asr_worker.dispatch import Dispatcher
from asr_worker.poison.isolation import IsolatedDecoder
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
def isolated(dispatcher: Dispatcher) -> IsolatedDecoder:
    return IsolatedDecoder(dispatcher, None)


def begin(work: Any) -> "asyncio.Task[Any]":
    return asyncio.create_task(work)


async def test_a_candidate_waits_until_nothing_else_is_in_flight_and_keeps_all_else_waiting(
    engine, dispatcher, isolated
):
    before = begin(dispatcher.decode(request("before")))
    await until(lambda: engine.began == ["before"])
    candidate = begin(isolated.decode(request("candidate")))
    after = begin(dispatcher.decode(request("after")))
    await until(lambda: dispatcher.waiting.total() == 2)
    assert engine.began == ["before"]
    engine.finish("before")
    await until(lambda: "candidate" in engine.gates)
    assert (engine.began, dispatcher.in_flight) == (["before", "candidate"], 1)
    assert isolated.unsettled
    engine.finish("candidate")
    await until(lambda: "after" in engine.gates)
    engine.finish("after")
    assert (await candidate).hypothesis.text == "candidate"
    assert not isolated.unsettled
    await asyncio.gather(before, after)


async def test_an_engine_that_dies_of_it_is_the_proof_and_the_end_waits_until_it_is_settled(
    engine, isolated
):
    candidate = begin(isolated.decode(request("candidate")))
    await until(lambda: engine.gates)
    engine.gates["candidate"].set_exception(EngineDead("it died"))
    with pytest.raises(DecodePoisoned, match="decoded alone: it died"):
        await candidate
    assert isolated.unsettled
    waiting = begin(isolated.all_settled())
    await asyncio.sleep(0)
    assert not waiting.done()
    isolated.settled("candidate")
    await waiting


async def test_an_engine_that_dies_of_something_else_is_no_proof(engine, dispatcher, isolated):
    other = begin(dispatcher.decode(request("other")))
    await until(lambda: engine.gates)
    candidate = begin(isolated.decode(request("candidate")))
    await until(lambda: dispatcher.waiting.total() == 1)
    engine.gates["other"].set_exception(EngineDead("it died"))
    for task in (other, candidate):
        with pytest.raises(EngineDead):
            await task
    assert not isolated.unsettled
    await isolated.all_settled()


async def test_an_engine_that_does_not_answer_is_proof_as_well(engine, isolated, monkeypatch):
    monkeypatch.setattr("asr_worker.watchdog._LEAST", 0.01)
    monkeypatch.setattr("asr_worker.watchdog._PER_SECOND", 0.01)
    with pytest.raises(DecodePoisoned, match="decoded alone: no answer in 0 s"):
        await isolated.decode(request("candidate"))


async def test_a_candidate_that_merely_fails_is_one_like_others(engine, isolated):
    candidate = begin(isolated.decode(request("candidate")))
    await until(lambda: engine.gates)
    engine.gates["candidate"].set_exception(DecodeFailed("not this time"))
    with pytest.raises(DecodeFailed):
        await candidate
    assert not isolated.unsettled


async def test_a_candidate_that_is_never_settled_does_not_delay_the_end_for_ever(
    engine, isolated, monkeypatch
):
    monkeypatch.setattr("asr_worker.poison.isolation._REPORT_WITHIN", 0.01)
    begun = begin(isolated.decode(request("candidate")))
    await until(lambda: engine.gates)
    await isolated.all_settled()
    begun.cancel()
    await asyncio.gather(begun, return_exceptions=True)
    assert not isolated.unsettled
