"""A gateway with the ports of all protocols, and workers whose texts tell every sample."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from common.audio import SAMPLE_RATE
from common.bus.keys import Leg
from common.pipeline.streams import AUDIO
from tests.integration.conftest import wait_until
from tests.integration.pipeline.resuming import gateway, workers
from tests.integration.protocols.calls import Ports, own_ports, port_flags
from tests.real_redis import admin, real_redis


@contextmanager
def listening(redis_url: str, *flags: str) -> Iterator[Ports]:
    """Run a gateway that speaks every protocol and hardly waits for a client that is gone."""
    own = own_ports()
    with gateway(redis_url, "--resume-s", "0.2", *flags, *port_flags(own)) as running:
        yield Ports(running.port, own)


@pytest.fixture(scope="package")
def exact_redis() -> Iterator[str]:
    """The Redis of the workers that tell every sample."""
    with real_redis() as own, workers(own.url):
        yield own.url


@pytest.fixture(scope="package")
def exact(exact_redis: str) -> Iterator[Ports]:
    """A gateway whose texts are checksums of the samples of each utterance."""
    with listening(exact_redis) as ports:
        yield ports


@pytest.fixture
def bus(exact_redis: str) -> Iterator[redis.Redis]:
    """The Redis behind `exact`."""
    client = admin(exact_redis)
    yield client
    client.close()


async def stored(bus: redis.Redis, session: str, until_s: float) -> None:
    """Wait until so many seconds of a call's first channel have come to Redis."""
    key = Leg(session, 0).key(AUDIO)

    def has_come() -> bool:
        if not bus.exists(key):
            return False
        position, _, _ = bus.xinfo_stream(key)["last-generated-id"].partition(b"-")
        return int(position) >= round(until_s * SAMPLE_RATE)

    await wait_until(has_come, "all audio is stored")
