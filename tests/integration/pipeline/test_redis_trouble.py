"""Redis fails in the middle of a call, and the call goes on."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import RunningStack, leaked_keys, running_stack
from tests.integration.pipeline.calls import (
    FINALIZE,
    SPEECH_EVENTS,
    Transcript,
    config,
    converse,
    line,
    messages,
    pcm16,
    sample_call,
    sentence,
    split,
)
from tests.integration.pipeline.services import LastingRedis, lasting_redis
from tests.real_redis import admin, real_redis

AWAY = 5.0
OPENING = config(sample_rate=8_000, channels=2, events=SPEECH_EVENTS)
FOX = "The quick brown fox jumps over the lazy dog."


def paused(redis: LastingRedis) -> None:
    redis.pause(AWAY)


def killed(redis: LastingRedis) -> None:
    redis.kill()
    time.sleep(AWAY)
    redis.start()


@pytest.mark.parametrize("trouble", [paused, killed])
async def test_a_call_outlives_redis(
    stack: RunningStack, tmp_path: Path, trouble: Callable[[LastingRedis], None]
):
    audio = [*split(pcm16(sample_call(16.0)), 3_200)]
    with lasting_redis(tmp_path) as own, running_stack(own.url) as troubled:
        calls = asyncio.gather(
            converse(stack.url, OPENING, *audio, FINALIZE),
            converse(troubled.url, OPENING, *audio, FINALIZE, pace=0.05),
        )
        await asyncio.sleep(2.0)
        # In the middle of the first utterance, and of the second one's neighbour.
        await asyncio.to_thread(trouble, own)
        undisturbed, transcript = await calls
        client = admin(own.url)
        leaks = leaked_keys(client)
        client.close()
    assert transcript.errors == []
    assert transcript.close_code == 1000
    assert transcript.by_utterance() == undisturbed.by_utterance()
    assert transcript.speech_events() == undisturbed.speech_events()
    assert leaks == []


async def test_a_call_that_begins_while_redis_is_away_is_refused_or_served(tmp_path: Path):
    with lasting_redis(tmp_path) as own, running_stack(own.url) as troubled:
        own.kill()
        early = asyncio.create_task(
            converse(troubled.url, config(), *messages(sentence()), FINALIZE)
        )
        async with asyncio.timeout(20):
            # Once the workers' reports are old, nobody is made to wait.
            while True:
                late = await asyncio.wait_for(_first_answer(troubled.url), 10)
                if late is not None:
                    break
        assert late.errors == ["unavailable"]
        assert late.close_code == 1013
        assert troubled.page("/ready") == (503, "Redis is away\n")
        own.start()
        served = await early
    assert served.texts == [FOX] or served.errors == ["unavailable"]


async def _first_answer(url: str) -> Transcript | None:
    """Return how a new call is refused, None when it is left waiting."""
    async with line(url) as client:
        await client.say(config())
        try:
            await client.hear("error", timeout=1.0)
        except TimeoutError:
            return None
        return await client.hear_out()


@pytest.mark.parametrize("policy", ["refuse", "continue"])
async def test_a_call_that_asks_for_denoising_without_a_worker(policy: str):
    with (
        real_redis() as own,
        running_stack(own.url, "--denoise", "0", "--denoise-unavailable", policy) as noisy,
    ):
        sent: list[str | bytes] = [config(denoise=True), *messages(sentence()), FINALIZE]
        transcript = await converse(noisy.url, *sent)
    if policy == "refuse":
        assert transcript.errors == ["unavailable"]
        assert "denoise" in transcript.of("error")[0]["message"]
        assert transcript.close_code == 1013
        assert transcript.of("session_created") == []
    else:
        assert transcript.errors == ["denoise_unavailable"]
        assert transcript.texts == [FOX]
        assert transcript.close_code == 1000
