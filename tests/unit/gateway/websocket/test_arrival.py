"""A socket before its first request, on a real server: what it costs once it is gone."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest
from websockets.asyncio.server import serve

from gateway.turns.crowd import Crowd
from gateway.websocket.arrival import Arrival
from gateway.websocket.connection import WebSocketConnection
from tests.attack import wire


class Answering(asyncio.Protocol):
    """Answers anything, and closes."""

    def connection_made(self, transport: Any) -> None:
        transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        transport.close()


class Host:
    def serves(self, path: str) -> bool:
        return path == "/ws"

    def http(self, goes_on: bool) -> asyncio.Protocol:
        return Answering()


class Seen:
    """The protocols of all connections that have arrived."""

    def __init__(self) -> None:
        self.port = 0
        self.protocols: list[weakref.ref[object]] = []

    @property
    def left(self) -> int:
        return sum(each() is not None for each in self.protocols)


@pytest.fixture(autouse=True)
def cycles() -> Iterator[None]:
    """Nothing looks for cycles, as if the process seldom did."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
async def server() -> AsyncIterator[Seen]:
    crowd, seen = Crowd(), Seen()

    def arrival(*args: Any, **kwargs: Any) -> Any:
        connection = WebSocketConnection(*args, crowd=crowd, **kwargs)
        seen.protocols.append(weakref.ref(connection.protocol))
        return Arrival(connection, Host(), crowd)

    async def handle(connection: Any) -> None:
        await connection.close()

    async with serve(
        handle,
        "127.0.0.1",
        0,
        create_connection=cast(Any, arrival),
        select_subprotocol=lambda connection, offered: None,
        compression=None,
        close_timeout=0.1,  # no conversation reads the client's answer
    ) as listening:
        seen.port = next(iter(listening.sockets)).getsockname()[1]
        yield seen


@pytest.mark.parametrize(
    ("sent", "begins"),
    [
        (b"", b""),
        (b"GET /half HTTP/1.1\r\n", b""),
        (wire.request("/page"), b"HTTP/1.1 204"),
        (wire.upgrade("/ws") + wire.frame(wire.CLOSE), b"HTTP/1.1 101"),
    ],
    ids=["nothing", "half a request", "a request", "a handshake"],
)
async def test_a_connection_leaves_nothing(server: Seen, sent: bytes, begins: bytes):
    for _ in range(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(sent)
        if begins:
            assert (await reader.read()).startswith(begins)
        else:
            writer.write_eof()
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    assert len(server.protocols) == 5
    async with asyncio.timeout(10):
        while server.left:
            await asyncio.sleep(0.01)
