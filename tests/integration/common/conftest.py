"""Redis servers and links for the tests of the bus and of the stage runtime."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from common.redis.address import Address
from common.redis.link import Link
from tests.integration.common.server import Server
from tests.integration.conftest import leaked_keys


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server to be mistreated; it must end up answering, with no key that stays for ever."""
    with Server(tmp_path) as server:
        yield server
        assert leaked_keys(server.client) == [], "keys without a TTL"


@pytest.fixture
async def own_link(server: Server) -> AsyncIterator[Link]:
    """A link to `server`, named ``own``."""
    link = Link(Address.parse(server.url), "own")
    await link.connect()
    yield link
    await link.close()
