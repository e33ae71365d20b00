"""The client over a network that breaks, against the real stack: nothing lost, nothing twice."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import numpy as np
import pytest
import soundfile

from callscribe import sample, sync
from callscribe.client import Call, Refused, ResumedElsewhere, SessionLost, connect
from callscribe.client.dialling import dial, resuming
from callscribe.client.messages import Error, Event, Final, Gap, Resumed, SpeechEnded
from callscribe.client.options import Options
from common.audio import FloatArray, float_to_pcm16
from common.errors import Misuse
from tests.chaos.proxy import Proxy
from tests.integration.conftest import RunningStack

OPTIONS = Options(sample_rate=8_000, channels=2, events=("speech_ended", "gap"))
MESSAGE = 800
"""Frames: 0.1 s."""


@pytest.fixture(scope="module")
def audio() -> FloatArray:
    """The sample call's beginning at its own rate, float32 [n, 2]."""
    frames = 16 * OPTIONS.sample_rate
    samples, rate = soundfile.read(sample.AUDIO, frames, dtype="float32", always_2d=True)
    assert rate == OPTIONS.sample_rate
    return np.asarray(samples, np.float32)


@asynccontextmanager
async def network(stack: RunningStack) -> AsyncIterator[tuple[Proxy, str]]:
    """A network before the stack, and the stack's URL in it."""
    proxy = Proxy([stack.port])
    await proxy.start()
    try:
        yield proxy, f"ws://127.0.0.1:{proxy.port}/ws/asr"
    finally:
        await proxy.stop()


@asynccontextmanager
async def admitted(url: str) -> AsyncIterator[Call]:
    """A call, as soon as the one before is done with: tests come faster than calls do."""
    async with AsyncExitStack() as stack:
        while True:
            try:
                call = await stack.enter_async_context(connect(url, OPTIONS))
                break
            except Refused as refused:
                await asyncio.sleep(min(refused.retry_after, 0.5))
        yield call


async def talk(call: Call, audio: FloatArray, seed: int = 0) -> None:
    """Send at four times the pace it was spoken, in messages that split samples anywhere."""
    dice, data, sent = random.Random(seed), float_to_pcm16(audio.ravel()), 0
    while sent < len(data):
        size = dice.randint(1, 8 * MESSAGE)
        await call.send(data[sent : sent + size])
        sent += size
        await asyncio.sleep(min(size, 4 * MESSAGE) / (4 * OPTIONS.frame_bytes * 8_000))
    await call.finalize()


def heard(events: list[Event]) -> list[tuple[int, int, float, float, str]]:
    """Everything about the finals that must not depend on the network."""
    found = [event for event in events if isinstance(event, Final)]
    assert [event.seq for event in found] == sorted({event.seq for event in found})
    assert not any(isinstance(event, Gap) for event in events)
    return sorted((f.channel, f.utterance, f.start, f.end, f.text) for f in found)


@pytest.fixture(scope="module")
def undisturbed(stack: RunningStack, audio: FloatArray) -> list[Any]:
    """What is heard over a network that does not break."""
    blocks = np.array_split(audio, len(audio) // MESSAGE)
    source = (float_to_pcm16(block.ravel()) for block in blocks)
    with sync.connect(stack.url, OPTIONS) as call:
        return heard(list(call.transcribe(source)))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_connection_cut_at_random_changes_no_word(
    stack: RunningStack, audio: FloatArray, undisturbed: list[Any], seed: int
):
    async with network(stack) as (proxy, url), admitted(url) as call:

        async def cutting() -> None:
            dice = random.Random(seed)
            while True:
                await asyncio.sleep(dice.uniform(0.2, 1.5))
                (proxy.cut if dice.random() < 0.7 else proxy.half_close)(1.0)

        sending = asyncio.create_task(talk(call, audio, seed))
        trouble = asyncio.create_task(cutting())
        events = [event async for event in call]
        trouble.cancel()
        await sending
    assert heard(events) == undisturbed
    assert any(isinstance(event, Resumed) for event in events)
    ended = [(e.channel, e.utterance) for e in events if isinstance(e, SpeechEnded)]
    assert len(ended) == len(set(ended))


async def test_changes_that_are_refused_keep_no_call_from_being_resumed(
    stack: RunningStack, audio: FloatArray, undisturbed: list[Any]
):
    async with network(stack) as (proxy, url), admitted(url) as call:

        async def refused() -> None:
            with suppress(Misuse):  # finalized
                while True:
                    await call.configure(language="klingon")
                    await asyncio.sleep(0.3)

        async def cutting() -> None:
            while True:
                await asyncio.sleep(1.0)
                proxy.cut(1.0)

        sending = asyncio.create_task(talk(call, audio))
        trouble = [asyncio.create_task(each) for each in (refused(), cutting())]
        events = [event async for event in call]
        for task in trouble:
            task.cancel()
        await sending
    assert heard(events) == undisturbed
    assert any(isinstance(event, Resumed) for event in events)
    assert {event.code for event in events if isinstance(event, Error)} == {"unknown_language"}


async def test_a_network_that_swallows_everything_for_a_while_changes_no_word(
    stack: RunningStack, audio: FloatArray, undisturbed: list[Any]
):
    async with network(stack) as (proxy, url), admitted(url) as call:
        sending = asyncio.create_task(talk(call, audio))
        await asyncio.sleep(1.0)
        await proxy.swallow(2.0)
        events = [event async for event in call]
        await sending
    assert heard(events) == undisturbed


async def test_who_takes_a_call_over_has_it_and_the_other_is_told(stack: RunningStack):
    async with admitted(stack.url) as call:
        await call.send(bytes(4 * MESSAGE))
        config = {"resume": call.resume_token, "seq": 0}
        taker, created = await dial(resuming(stack.url), config, tls=None, timeout=5)
        assert created.resumed
        assert created.session_id == call.session_id
        with pytest.raises(ResumedElsewhere):
            async for _ in call:
                pass
        await taker.close()


async def test_a_wrong_secret_finds_no_call(stack: RunningStack):
    async with admitted(stack.url) as call:
        token = f"{call.session_id}.{'x' * 32}"
        with pytest.raises(SessionLost):
            await dial(resuming(stack.url), {"resume": token}, tls=None, timeout=5)
        await call.finalize()
        assert len([event async for event in call if isinstance(event, Final)]) == 2
