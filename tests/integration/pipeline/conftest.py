"""A bus with workers, for tests that bring their own gateways."""

from collections.abc import Iterator

import pytest
import redis

from tests.integration.pipeline.resuming import workers
from tests.real_redis import admin, real_redis


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
