"""A worker is killed in the middle of an utterance while another one lives."""

from collections.abc import Iterator

import pytest

from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import (
    FINALIZE,
    config,
    converse,
    line,
    messages,
    sentence,
)
from tests.integration.pipeline.services import Service, service
from tests.real_redis import real_redis


@pytest.fixture(scope="module")
def redis_of_its_own() -> Iterator[str]:
    with real_redis() as redis:
        yield redis.url


@pytest.fixture(scope="module")
def gateway(redis_of_its_own: str) -> Iterator[Service]:
    with service("gateway", redis_of_its_own) as gateway:
        yield gateway


@pytest.mark.parametrize("killed", ["vad", "asr"])
async def test_a_killed_workers_utterance_is_finished_by_another(
    stack: RunningStack, gateway: Service, redis_of_its_own: str, killed: str
):
    opening = config(events=["speech_started", "speech_ended"])
    audio = [*messages(sentence())]
    middle = len(audio) // 2
    undisturbed = await converse(stack.url, opening, *audio, FINALIZE)
    other = "asr" if killed == "vad" else "vad"
    with (
        service(killed, redis_of_its_own) as victim,
        service(other, redis_of_its_own) as lasting,
    ):
        victim.wait_ready()
        lasting.wait_ready()
        gateway.wait_ready()
        async with line(gateway.url) as client:
            await client.say(opening, *audio[:middle])
            await client.hear("partial")
            with service(killed, redis_of_its_own) as heir:
                heir.wait_ready()
                victim.kill()
                await client.say(*audio[middle:], FINALIZE)
                transcript = await client.hear_out()
                took_over = f'callscribe_takeovers_total{{stage="{killed}"}} 1.0'
                assert took_over in heir.page("/metrics")[1]
    assert transcript.errors == []
    assert transcript.by_utterance() == undisturbed.by_utterance()
    assert transcript.speech_events() == undisturbed.speech_events()
    assert transcript.close_code == 1000
