"""A leg that a stage gives up: its caller is told, or goes on without that stage."""

from collections.abc import Iterator
from typing import cast

import pytest
import redis

from common.bus import wire
from tests.integration.callscribe.processes import until
from tests.integration.pipeline.calls import FINALIZE, config, line, messages, sentence
from tests.integration.pipeline.services import Service, service

SILENCE = [bytes(3200)] * 10
GARBAGE = b"\x81\xa1v\x63"


@pytest.fixture(scope="module")
def gateway(bus_url: str) -> Iterator[Service]:
    with service("gateway", bus_url) as gateway:
        gateway.wait_ready()
        yield gateway


def stream(bus: redis.Redis, kind: str) -> bytes:
    """Return the key of the only leg's stream of this kind."""
    (key,) = cast(list[bytes], bus.keys(f"cs:v2:*.0:{kind}"))
    return key


def add(bus: redis.Redis, key: bytes, field: bytes) -> None:
    """Write something unreadable behind the last entry of a stream."""
    ((last, _),) = cast(list[tuple[bytes, object]], bus.xrevrange(key, count=1))
    major, minor = wire.id_halves(last)
    bus.xadd(key, {field: GARBAGE}, id=wire.entry_id(major, minor + 1))


async def test_a_caller_whose_leg_is_given_up_is_told(gateway: Service, bus: redis.Redis):
    async with line(gateway.url) as client:
        await client.say(config(), *SILENCE)
        await client.hear("session_created")
        until(lambda: bool(bus.keys("cs:v2:*.0:audio")))
        add(bus, stream(bus, "audio"), wire.CONTROL_FIELD)
        transcript = await client.hear_out()
    assert transcript.errors == ["internal_error"]
    assert "channel 0 can no longer be transcribed" in transcript.of("error")[0]["message"]
    assert transcript.close_code == 1011


async def test_what_cannot_be_denoised_is_heard_as_it_came(
    gateway: Service, bus: redis.Redis, bus_url: str
):
    audio = [*messages(sentence())]
    middle = len(audio) // 2
    with service("denoise", bus_url) as victim:
        victim.wait_ready()
        until(lambda: '"denoise"' in gateway.page("/ws/status")[1])
        async with line(gateway.url) as client:
            await client.say(config(denoise=True), *audio[:middle])
            await client.hear("session_created")
            until(lambda: bool(bus.keys("cs:v2:*.0:clean")))
            until(lambda: bool(bus.keys("cs:v2:*.0:ckpt:denoise")))
            victim.kill()
            add(bus, stream(bus, "ckpt:denoise"), wire.BODY_FIELD)
            with service("denoise", bus_url) as heir:
                await client.say(*audio[middle:], FINALIZE)
                transcript = await client.hear_out()
                letters = 'callscribe_dead_letters_total{stage="denoise"} 1.0'
                assert letters in heir.page("/metrics")[1]
    assert transcript.errors == []
    assert transcript.texts
    assert transcript.of("gap") == []
    assert transcript.close_code == 1000
