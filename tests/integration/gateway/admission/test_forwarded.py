"""Calls are counted by the client's address, which only a trusted proxy may forward."""

from collections.abc import Iterator

import pytest
import websockets.asyncio.client as ws
from websockets.exceptions import InvalidStatus

from tests.integration.callscribe.processes import until
from tests.integration.pipeline.services import Service, service
from tests.real_redis import real_redis

PROXY, STRANGER = "127.0.0.2", "127.0.0.1"


@pytest.fixture(scope="module")
def gateway() -> Iterator[Service]:
    """A gateway behind `PROXY` that lets one call of each address in."""
    flags = "--no-auth", "--max-sessions-per-key", "1", "--trusted-proxies", PROXY
    with real_redis() as redis, service("gateway", redis.url, *flags) as running:
        until(lambda: running.page("/health")[0] == 200)
        yield running


def come(gateway: Service, through: str, **headers: str) -> ws.connect:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    where = (through, 0)
    return ws.connect(gateway.url, proxy=None, local_addr=where, additional_headers=fields)


async def is_refused(gateway: Service, through: str, **headers: str) -> bool:
    try:
        async with come(gateway, through, **headers):
            return False
    except InvalidStatus as refusal:
        return refusal.response.status_code == 429


async def test_clients_of_a_proxy_are_counted_apart(gateway: Service):
    async with come(gateway, PROXY, X_Forwarded_For="198.51.100.9, 203.0.113.1"):
        assert await is_refused(gateway, PROXY, X_Forwarded_For="203.0.113.1")
        assert await is_refused(gateway, PROXY, Forwarded="for=203.0.113.1;proto=https")
        assert not await is_refused(gateway, PROXY, X_Forwarded_For="203.0.113.2")
        assert not await is_refused(gateway, PROXY, X_Forwarded_For="203.0.113.1, 203.0.113.3")


async def test_what_anybody_else_says_of_their_address_is_not_read(gateway: Service):
    async with come(gateway, STRANGER, X_Forwarded_For="203.0.113.5"):
        assert await is_refused(gateway, STRANGER, X_Forwarded_For="203.0.113.6")
        assert not await is_refused(gateway, PROXY, X_Forwarded_For="203.0.113.5")


async def test_a_field_that_cannot_be_read_leaves_the_proxys_own_address(gateway: Service):
    async with come(gateway, PROXY, X_Forwarded_For="unknown"):
        assert await is_refused(gateway, PROXY)
        assert await is_refused(gateway, PROXY, Forwarded='for="203.0.113.8')
