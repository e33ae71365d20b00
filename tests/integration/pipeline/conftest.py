"""The sample call at real-time pace, which lasts a minute: it runs beside the other tests."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

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
