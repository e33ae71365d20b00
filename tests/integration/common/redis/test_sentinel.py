"""A link to a service's master, whoever that is."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from common.errors import BusUnavailable
from common.redis.address import Address
from common.redis.link import Link
from tests.integration.common.sentinel import SERVICE, Replica, Sentinel, role
from tests.integration.common.server import Server
from tests.integration.conftest import wait_until

PROMOTED = 30.0
"""Seconds; a promotion takes two to three, on an idle machine."""


class Service(NamedTuple):
    master: Server
    replica: Replica
    sentinel: Sentinel


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    (tmp_path / "master").mkdir()
    with Server(tmp_path / "master", "--repl-diskless-sync-delay", "0") as master:
        replica = Replica(tmp_path / "replica", master)
        sentinel = Sentinel(tmp_path / "sentinel", master, password="say-please")
        with replica, sentinel:
            sentinel.wait_for_replica()
            yield Service(master, replica, sentinel)


@pytest.fixture
async def link(service: Service) -> AsyncIterator[Link]:
    link = Link(Address.parse(service.sentinel.url_of_service), "own")
    await link.connect()
    yield link
    await link.close()


def kill(service: Service) -> None:
    service.master.stop()


def swap(service: Service) -> None:
    service.sentinel.fail_over()


@pytest.mark.parametrize("fail", [kill, swap])
async def test_a_writer_goes_on_with_whoever_is_master_now(
    service: Service, link: Link, fail: Callable[[Service], None]
):
    last = 0

    async def write() -> None:
        nonlocal last
        while role(service.replica) != b"master" or not link.generation:
            await link.insist([("XADD", "s", f"{last + 1}-1", "a", "b"), ("EXPIRE", "s", 600)])
            last += 1
            await asyncio.sleep(0.001)

    writing = asyncio.create_task(write())
    await wait_until(lambda: last > 10, "it writes")
    assert link.generation == 0
    await asyncio.to_thread(fail, service)
    async with asyncio.timeout(PROMOTED):
        await writing
    assert link.generation == 1
    await link.insist([("XADD", "s", "1000000-1", "a", "b"), ("EXPIRE", "s", 600)])
    assert service.replica.client.xinfo_stream("s")["last-generated-id"] == b"1000000-1"


async def test_what_is_wrong_with_the_sentinels_is_said(service: Service):
    port = service.sentinel.port
    for url, complaint in [
        (f"redis+sentinel://127.0.0.1:1,127.0.0.1:{port}/{SERVICE}", "NOAUTH.*|no Redis at"),
        (
            f"redis+sentinel://127.0.0.1:{port}/other?sentinel_password=say-please",
            f"Redis at 127.0.0.1:{port} refuses the connection: ERR No such master with that name",
        ),
        (
            f"redis+sentinel://127.0.0.1:{port}/{SERVICE}?sentinel_password=wrong-secret",
            "WRONGPASS",
        ),
    ]:
        link = Link(Address.parse(url), "test")
        with pytest.raises(BusUnavailable, match=complaint) as caught:
            await link.connect()
        assert "secret" not in str(caught.value)
        await link.close()


async def test_a_master_that_is_demoted_is_left_until_it_is_one_again(server, own_link):
    """Without a sentinel: the address may lead to another server by then, or this one return."""
    await own_link.insist([("SET", "k", "1", "EX", 600)])
    server.client.replicaof("127.0.0.1", 1)
    writing = asyncio.create_task(own_link.insist([("SET", "k", "2", "EX", 600)]))
    await wait_until(lambda: not own_link.connected, "it gave the connection up")
    fresh = Link(Address.parse(server.url), "fresh")
    with pytest.raises(BusUnavailable, match=f"Redis at 127.0.0.1:{server.port} is not a master"):
        await fresh.connect()
    assert not writing.done()
    server.client.replicaof("NO", "ONE")
    assert await writing == [b"OK"]
    assert own_link.generation == 0


async def test_a_restarted_server_is_another(server, own_link):
    server.cut("own")
    await own_link.insist([("PING",)])
    assert own_link.generation == 0, "the same server"
    server.stop()
    server.start()
    await own_link.insist([("PING",)])
    assert own_link.generation == 1
