"""Redis fails in the middle of a call, and the call goes on."""

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from tests.integration.callscribe.processes import until
from tests.integration.conftest import RunningStack, forked_stack, leaked_keys
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
from tests.integration.pipeline.services import LastingRedis, lasting_redis, service
from tests.real_redis import admin

AWAY = 5.0
OPENING = config(sample_rate=8_000, channels=2, events=SPEECH_EVENTS)
FOX = "The quick brown fox jumps over the lazy dog."


def paused(redis: LastingRedis) -> None:
    redis.pause(AWAY)


def killed(redis: LastingRedis) -> None:
    redis.kill()
    time.sleep(AWAY)
    redis.start()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LastingRedis]:
    """A Redis that may fail."""
    with lasting_redis(tmp_path_factory.mktemp("redis")) as own:
        yield own


@pytest.fixture(scope="module")
def system(own: LastingRedis) -> Iterator[RunningStack]:
    """A stack on it, without denoise workers."""
    with forked_stack(own.url, "--denoise", "0") as stack:
        yield stack


@pytest.fixture
def troubled(own: LastingRedis, system: RunningStack) -> Iterator[RunningStack]:
    """The stack, as good as new, and nothing of its calls stays for ever."""
    until(lambda: system.page("/ready")[0] == 200)
    yield system
    client = admin(own.url)
    leaks = leaked_keys(client)
    client.close()
    assert leaks == []


@pytest.fixture(scope="module")
def undisturbed(system: RunningStack) -> Transcript:
    """What is heard of the call while all is well."""
    return asyncio.run(converse(system.url, OPENING, *call(), FINALIZE))


def call() -> list[bytes]:
    return [*split(pcm16(sample_call(16.0)), 3_200)]


@pytest.mark.parametrize("trouble", [paused, killed])
async def test_a_call_outlives_redis(
    own: LastingRedis,
    undisturbed: Transcript,
    troubled: RunningStack,
    trouble: Callable[[LastingRedis], None],
):
    calling = asyncio.create_task(converse(troubled.url, OPENING, *call(), FINALIZE, pace=0.05))
    await asyncio.sleep(2.0)
    # In the middle of the first utterance, and of the second one's neighbour.
    await asyncio.to_thread(trouble, own)
    transcript = await calling
    assert transcript.errors == []
    assert transcript.close_code == 1000
    assert transcript.by_utterance() == undisturbed.by_utterance()
    assert transcript.speech_events() == undisturbed.speech_events()


async def test_a_call_that_begins_while_redis_is_away_is_refused_or_served(
    own: LastingRedis, troubled: RunningStack
):
    own.kill()
    early = asyncio.create_task(converse(troubled.url, config(), *messages(sentence()), FINALIZE))
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


NOISY: list[str | bytes] = [config(denoise=True), *messages(sentence()), FINALIZE]


async def test_a_call_that_asks_for_denoising_without_a_worker_is_refused(troubled: RunningStack):
    transcript = await converse(troubled.url, *NOISY)
    assert transcript.errors == ["unavailable"]
    assert "denoise" in transcript.of("error")[0]["message"]
    assert transcript.close_code == 1013
    assert transcript.of("session_created") == []


async def test_it_goes_on_without_where_that_is_the_policy(troubled: RunningStack):
    with service("gateway", troubled.redis_url, "--denoise-unavailable", "continue") as lenient:
        lenient.wait_ready()
        transcript = await converse(lenient.url, *NOISY)
    assert transcript.errors == ["denoise_unavailable"]
    assert transcript.texts == [FOX]
    assert transcript.close_code == 1000
