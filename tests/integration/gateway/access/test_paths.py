"""Every route of a real gateway stands in the table of its port, and every entry is a route."""

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from callscribe.local.child import free_ports
from gateway.access.rules import AT_ADMIN_PORT, NEEDS
from gateway.http.guard import OPERATORS
from tests.integration.callscribe.processes import until
from tests.integration.conftest import page
from tests.integration.gateway.access.asking import create, spelled
from tests.integration.pipeline.services import Service, service
from tests.real_redis import real_redis

DRAIN = ("POST", "/v1/drain")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.fixture
def ports() -> Iterator[tuple[Service, int]]:
    """A gateway that needs keys, and its port for operators."""
    (port,) = free_ports(1)
    with real_redis() as redis:
        create("operations", "admin", url=redis.url)
        with service("gateway", redis.url, "--admin-port", str(port)) as gateway:
            until(lambda: gateway.page("/health")[0] == 200)
            yield gateway, port


async def routes(http: aiohttp.ClientSession, port: int) -> dict[tuple[str, str], int]:
    """Return what a port has a route for, and what that answers to one who shows no key."""
    _, listed = await asyncio.to_thread(page, port, "/no-such-path")
    paths = listed.removeprefix("there are ").strip().split(", ")
    pairs = [(method, path) for path in paths for method in METHODS]
    found = {}
    for method, path in sorted(pairs, key=DRAIN.__eq__):  # after it nothing answers any more
        async with http.request(method, f"http://127.0.0.1:{port}{spelled(path)}") as answer:
            if answer.status != 405:
                found[method, path] = answer.status
    return found


async def test_the_tables_have_every_route(ports, http):
    gateway, admin = ports
    public = await routes(http, gateway.port)
    assert public.keys() == NEEDS.keys(), "routes and table of the public port differ"
    hidden = {("GET", path): 404 for path in OPERATORS}
    assert {each: status for each, status in public.items() if each in hidden} == hidden
    there = await routes(http, admin)
    assert there.keys() == AT_ADMIN_PORT.keys(), "routes and table of the operators' port differ"
    assert there[DRAIN] == 202
    assert 403 not in there.values()
    assert await asyncio.to_thread(gateway.process.wait, 20) == 0


async def test_what_only_operators_reach_is_on_no_public_port(guarded, operator, http):
    only = [each for each in AT_ADMIN_PORT if each not in NEEDS]
    assert DRAIN in only
    for method, path in only:
        url = f"http://127.0.0.1:{guarded.port}{path}"
        headers = {"Authorization": f"Bearer {operator}"}
        async with http.request(method, url, headers=headers) as answer:
            assert answer.status == 404, path
    assert guarded.page("/ready")[0] == 200
