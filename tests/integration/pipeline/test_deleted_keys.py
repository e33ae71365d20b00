"""Somebody, or Redis itself, deletes keys of a running call."""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import pytest_asyncio
import redis

from callscribe.local.stack import Stack, StackOptions, running_stack
from common.bus import keys, wire
from common.pipeline.streams import AUDIO, WORKERS
from tests.integration.conftest import leaked_keys, page, wait_until
from tests.integration.pipeline.calls import (
    FINALIZE,
    FLUSH,
    SPEECH_EVENTS,
    Line,
    config,
    line,
    messages,
    said,
    sentence,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOX = "The quick brown fox jumps over the lazy dog."


class Own:
    """A stack of its own, its Redis, and what its processes say."""

    def __init__(self, stack: Stack, log: io.StringIO) -> None:
        assert stack.redis is not None
        self.stack = stack
        self.url = f"ws{stack.url.removeprefix('http')}/ws/asr"
        self.redis = redis.Redis(port=stack.redis.port)
        self._log = log

    def ready(self) -> bool:
        """Whether calls are taken."""
        url = self.stack.url.rpartition(":")[2]
        return page(int(url), "/ready")[0] == 200

    def forget(self) -> None:
        """Take away what was told, and every key but those that say who lives."""
        found = [key for key in self.redis.scan_iter() if not key.endswith(WORKERS.encode())]
        if found:
            self.redis.delete(*found)
        self._log.seek(0)
        self._log.truncate()

    def told(self, event: str) -> list[str]:
        """Return the lines of an event."""
        return [each for each in self._log.getvalue().splitlines() if f" {event} " in each]

    def delete(self, pattern: str) -> int:
        """Delete the keys of a pattern; return how many there were."""
        found = [*self.redis.scan_iter(pattern)]
        return int(self.redis.delete(*found)) if found else 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system() -> AsyncIterator[Own]:
    log = io.StringIO()
    env = {**os.environ, "CALLSCRIBE_PORT": "0", "CALLSCRIBE_HOST": "127.0.0.1"}
    options = StackOptions(
        counts={"vad": 1, "asr": 1},
        env={**env, "CALLSCRIBE_ASR_LOAD": "0"},
        embedded_redis=True,
        echo=log,
    )
    async with running_stack(options) as stack:
        running = Own(stack, log)
        yield running
        running.redis.close()


@pytest_asyncio.fixture(loop_scope="module")
async def own(system: Own) -> AsyncIterator[Own]:
    """The stack, without anything of other tests' calls."""
    await wait_until(system.ready, "the workers are there")
    system.forget()
    yield system
    assert leaked_keys(system.redis) == []


@asynccontextmanager
async def call(own: Own, **more: object) -> AsyncIterator[Line]:
    """Open a call and say nothing yet."""
    async with line(own.url) as client:
        await client.say(config(events=SPEECH_EVENTS, **more))
        await client.hear("session_created")
        yield client


async def test_audio_that_is_deleted_in_mid_call_is_written_again(own):
    async with call(own) as client:
        *first, rest = messages(sentence())
        await client.say(*first, pace=0.05)
        assert own.delete(f"cs:*:{AUDIO}") == 1
        await client.say(rest, *messages(said(1.5, sentence())), pace=0.05)
        await client.say(FINALIZE)
        transcript = await client.hear_out()
    assert transcript.texts == [FOX, FOX]
    assert transcript.errors == []
    assert transcript.of("gap") == [], "nothing was missed"
    assert len(own.told("audio.deleted")) == 1


async def test_deleted_audio_that_was_not_heard_is_a_gap_and_words_follow_it(own):
    vad = own.stack.pids["vad"]
    async with call(own) as client:
        await client.say(*messages(sentence()), *messages(said(2.0)))
        await client.hear("final")
        os.kill(vad, signal.SIGSTOP)
        try:
            await client.say(*messages(said(8.0)), pace=0.01)
            stream = next(own.redis.scan_iter(f"cs:*:{AUDIO}"))
            await wait_until(lambda: own.redis.xlen(stream) > 20, "it is written")
            assert own.delete(f"cs:*:{AUDIO}") == 1
            await client.say(*messages(said(0.5)), pace=0.01)
            await wait_until(lambda: own.told("audio.deleted"), "it is noticed")
        finally:
            os.kill(vad, signal.SIGCONT)
        gap = await client.hear("gap", timeout=10)
        await client.say(*messages(sentence()), FINALIZE)
        transcript = await client.hear_out()
    assert 1.0 < gap["end"] - gap["start"] < 8.5
    assert transcript.texts == [FOX, FOX]


@pytest.mark.parametrize("stages", [["vad"], ["asr"], ["vad", "asr"]])
async def test_work_that_is_deleted_in_mid_call_is_offered_again(own, stages):
    async with call(own) as client:
        await client.say(*messages(sentence()))
        *first, rest = messages(said(1.0, sentence()))
        await client.say(*first, pace=0.04)
        await client.hear("speech_started")
        asr = own.stack.pids["asr"]
        os.kill(asr, signal.SIGSTOP)  # else it may have written its final before
        try:
            assert sum(own.delete(f"cs:*{{{stage}}}:*") for stage in stages) >= 3
            await wait_until(lambda: own.told("work_item.lost"), "it is noticed")
        finally:
            os.kill(asr, signal.SIGCONT)
        await client.say(rest, *messages(said(1.5, sentence())), pace=0.04)
        await client.say(FINALIZE)
        async with asyncio.timeout(30):
            transcript = await client.hear_out()
    assert transcript.texts == [FOX, FOX, FOX]
    assert transcript.errors == []


@pytest.mark.parametrize("kinds", ["work", "work index"])
async def test_work_that_is_deleted_after_the_call_was_finished_is_offered_again(own, kinds):
    async with call(own) as client:
        asr = own.stack.pids["asr"]
        await client.say(*messages(said(sentence(), 0.2)))
        await client.hear("speech_started")
        os.kill(asr, signal.SIGSTOP)
        try:
            await client.say(FINALIZE)
            await wait_until(
                lambda: not own.redis.hlen(keys.index("vad")), "VAD has heard it to its end"
            )
            for stage in ("vad", "asr"):
                for kind in kinds.split():
                    own.delete(f"cs:*{{{stage}}}:{kind}")
        finally:
            os.kill(asr, signal.SIGCONT)
        async with asyncio.timeout(30):
            transcript = await client.hear_out()
    assert transcript.texts == [FOX]
    assert transcript.errors == []


@pytest.mark.parametrize("goes_on", [False, True], ids=["silent", "goes-on"])
async def test_a_flush_that_is_deleted_before_it_is_heard_is_answered(own, goes_on):
    vad = own.stack.pids["vad"]
    async with call(own) as client:
        await client.say(*messages(sentence()), *messages(said(2.0)))
        await client.hear("final")
        os.kill(vad, signal.SIGSTOP)
        try:
            await client.say(*messages(said(0.5)), FLUSH)
            stream = next(own.redis.scan_iter(f"cs:*:{AUDIO}"))
            await wait_until(lambda: holds_a_control(own.redis, stream), "it is written")
            if goes_on:  # until it is no longer kept to be written again
                await client.say(*messages(said(4.0)), pace=0.1)
            assert own.delete(f"cs:*:{AUDIO}") == 1
            if goes_on:
                await client.say(*messages(said(0.5)))
                await wait_until(lambda: own.told("audio.deleted"), "it is noticed")
        finally:
            os.kill(vad, signal.SIGCONT)
        answer = await client.hear("final", timeout=30)
        await client.say(FINALIZE)
        transcript = await client.hear_out()
    assert answer["text"] == ""
    assert len(own.told("flush.lost")) == 1
    assert transcript.texts == [FOX]
    assert transcript.errors == []


def holds_a_control(bus: redis.Redis, stream: bytes) -> bool:
    """Whether the last entry of a leg's audio is a control."""
    ((last, _),) = cast(list[tuple[bytes, object]], bus.xrevrange(stream, count=1))
    return wire.id_halves(last)[1] > wire.AUDIO_ORDER


async def test_a_finished_call_whose_audio_is_deleted_before_it_is_heard_is_told(own):
    vad = own.stack.pids["vad"]
    async with call(own) as client:
        await client.say(*messages(sentence()))
        await client.hear("speech_started")
        os.kill(vad, signal.SIGSTOP)
        try:
            await client.say(*messages(said(1.0)), FINALIZE)
            await wait_until(lambda: own.redis.hlen(keys.index("vad")) == 1, "it is open")
            await asyncio.sleep(0.5)
            assert own.delete(f"cs:*:{AUDIO}") == 1
        finally:
            os.kill(vad, signal.SIGCONT)
        async with asyncio.timeout(30):
            transcript = await client.hear_out()
    assert transcript.errors == ["session_lost"]
