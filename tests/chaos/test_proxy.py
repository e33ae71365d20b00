"""The proxy's own behaviour, on real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress

import pytest

from tests.chaos.proxy import Proxy

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Connection]]


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """In front of a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(100):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    proxy = Proxy([server.sockets[0].getsockname()[1]])
    await proxy.start()
    yield proxy
    await proxy.stop()
    server.close()


@pytest.fixture
async def connect(proxy: Proxy) -> AsyncIterator[Connect]:
    """Connects through the proxy; every connection is closed afterwards."""
    async with AsyncExitStack() as connections:

        async def connect() -> Connection:
            connection = await asyncio.open_connection("127.0.0.1", proxy.port)
            connections.push_async_callback(closed, connection[1])
            return connection

        yield connect


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def said_back(connection: Connection, data: bytes = b"hello") -> bool:
    reader, writer = connection
    writer.write(data)
    return await reader.readexactly(len(data)) == data


async def gone(connection: Connection) -> bool:
    """Tell whether the other end closes the connection, in order or not."""
    try:
        return await connection[0].read(100) == b""
    except ConnectionResetError:
        return True


async def test_passes_on_both_ways(proxy: Proxy, connect: Connect):
    assert await said_back(await connect())


async def test_cuts_some_and_takes_new_ones(proxy: Proxy, connect: Connect):
    connections = [await connect() for _ in range(4)]
    assert all([await said_back(each) for each in connections])
    assert proxy.cut(0.5) == 2
    ended = [asyncio.create_task(gone(each)) for each in connections]
    done, waiting = await asyncio.wait(ended, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    while len(done) < 2:
        more, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        done |= more
    assert len(waiting) == 2
    for task in waiting:
        task.cancel()
    assert await said_back(await connect())


async def test_a_half_closed_connection_ends(proxy: Proxy, connect: Connect):
    connection = await connect()
    assert await said_back(connection)
    assert proxy.half_close(1.0) == 1
    assert await gone(connection)


async def test_delays(proxy: Proxy, connect: Connect):
    connection = await connect()
    assert await said_back(connection)
    slow = asyncio.create_task(proxy.delay(0.05, 0.2))
    await asyncio.sleep(0)
    answer = asyncio.create_task(said_back(connection))
    done, _ = await asyncio.wait({answer}, timeout=0.04)
    assert not done
    assert await answer
    await slow


async def test_swallows_and_cuts_afterwards(proxy: Proxy, connect: Connect):
    connection = await connect()
    assert await said_back(connection)
    deaf = asyncio.create_task(proxy.swallow(0.1))
    await asyncio.sleep(0)
    connection[1].write(b"into the void")
    assert await gone(connection)
    await deaf
    assert await said_back(await connect())


async def test_goes_to_another_backend_when_one_is_away(proxy: Proxy, connect: Connect):
    proxy.backends.append(1)
    for _ in range(8):
        assert await said_back(await connect())
