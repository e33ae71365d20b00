"""A real gateway that needs keys, and keys of three tenants."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.integration.conftest import RunningStack, forked_stack
from tests.integration.gateway.access.asking import create, known
from tests.real_redis import real_redis


@pytest.fixture(scope="session")
def guarded() -> Iterator[RunningStack]:
    with real_redis() as own:
        create("operations", "admin", url=own.url)
        with forked_stack(own.url) as stack:
            yield stack


@pytest.fixture(scope="module")
def acme(guarded: RunningStack) -> str:
    return known(guarded, create("acme", "transcribe", "read", url=guarded.redis_url))


@pytest.fixture(scope="module")
def other(guarded: RunningStack) -> str:
    return known(guarded, create("other", "transcribe", "read", url=guarded.redis_url))


@pytest.fixture(scope="module")
def operator(guarded: RunningStack) -> str:
    return known(guarded, create("operations", "admin", "read", url=guarded.redis_url))


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
