"""A dispatcher in front of an engine that is told when to answer."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from asr_worker.api import Priority
from asr_worker.dispatch import Dispatcher
from tests.unit.asr_worker.gated import Clock, GatedEngine, request

Submit = Callable[..., "asyncio.Task[str]"]


@pytest.fixture
def engine() -> GatedEngine:
    return GatedEngine()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def dispatcher(engine: GatedEngine, clock: Clock) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(engine, bound=2, patience=0.5, clock=clock)
    yield dispatcher
    await dispatcher.close()
    assert dispatcher.in_flight == 0


@pytest.fixture
async def submit(dispatcher: Dispatcher) -> AsyncIterator[Submit]:
    tasks: list[asyncio.Task[str]] = []

    async def decode(
        utterance: str, priority: Priority, seconds: float, spare: float, likeness: str
    ) -> str:
        wanted = request(utterance, priority, seconds, likeness)
        return (await dispatcher.decode(wanted, spare=spare)).hypothesis.text

    def submit(
        utterance: str,
        priority: Priority = Priority.REFRESH,
        *,
        seconds: float = 0.0,
        spare: float = 0.0,
        likeness: str = "",
    ) -> asyncio.Task[str]:
        decoding = decode(utterance, priority, seconds, spare, likeness)
        tasks.append(asyncio.create_task(decoding))
        return tasks[-1]

    yield submit
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
