"""The sample call at real-time pace, which lasts a minute and runs beside the other tests.

And a bus with workers, for tests that bring their own gateways.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import redis

from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import (
    FINALIZE,
    SPEECH_EVENTS,
    Transcript,
    config,
    converse,
    pcm16,
    sample_call,
    split,
)
from tests.integration.pipeline.resuming import workers
from tests.real_redis import admin, real_redis

MESSAGE_SECONDS = 0.1


@pytest.fixture(scope="session", autouse=True)
def real_pace(stack: RunningStack) -> Iterator["Future[Transcript]"]:
    """The transcript of the sample call as a telephone would send it."""
    audio = split(pcm16(sample_call()), round(8_000 * MESSAGE_SECONDS) * 4)
    opening = config(sample_rate=8_000, channels=2, events=SPEECH_EVENTS)
    call = converse(stack.url, opening, *audio, FINALIZE, pace=MESSAGE_SECONDS)
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as thread:
        task = loop.create_task(call)
        running = thread.submit(loop.run_until_complete, task)
        yield running
        loop.call_soon_threadsafe(task.cancel)
    loop.close()


@pytest.fixture(scope="module")
def bus_url() -> Iterator[str]:
    """Where the Redis of a module's own tests is; workers are there."""
    with real_redis() as own, workers(own.url):
        yield own.url


@pytest.fixture
def bus(bus_url: str) -> Iterator[redis.Redis]:
    client = admin(bus_url)
    yield client
    client.close()
