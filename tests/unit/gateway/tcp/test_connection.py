"""A TCP connection over a real socket, with a conversation that records what it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from gateway.conversations.conversation import Conversation
from gateway.tcp import connection
from gateway.tcp.connection import TcpConnection
from gateway.turns.crowd import Crowd


class Listener:
    """Stands in for a `Conversation`, and for the host that gives it to each connection."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.pieces: list[int] = []
        self.told: list[str] = []
        self.connection: TcpConnection
        self.react: Callable[[bytes], None] = lambda data: None
        self.admits = True
        self.patience = 60.0

    def connected(self, accepted: TcpConnection) -> None:
        self.connection = accepted
        if self.admits:
            self.serve()

    def serve(self) -> None:
        self.connection.serve(cast(Conversation, self), self.patience)

    def begin(self) -> None:
        self.told.append("begin")

    def receive(self, data: bytes) -> None:
        self.heard += data
        self.pieces.append(len(data))
        self.react(data)

    def receive_end(self) -> None:
        self.told.append("end")

    def overdue(self) -> None:
        self.told.append("give up")
        self.connection.close_soon(1008, "open_timeout")

    def fail(self, error: Exception) -> None:
        self.told.append("fail")

    def vanish(self) -> None:
        self.told.append("vanish")

    def forget_client(self) -> None:
        self.told.append("forget")


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def call(listener: Listener) -> AsyncIterator[Streams]:
    loop, crowd = asyncio.get_running_loop(), Crowd()
    server = await loop.create_server(lambda: TcpConnection(listener, crowd), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        listener.connection.abort()  # one that waits, or has heard the end, does not notice
        server.close()
        await until(lambda: "forget" in listener.told)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
def listener() -> Listener:
    return Listener()


async def test_bytes_arrive_in_order_and_then_the_end(listener):
    sent = bytes(range(256)) * 1000
    async with call(listener) as (_, writer):
        writer.write(sent)
        writer.write_eof()
        await until(lambda: "end" in listener.told)
        assert listener.heard == sent
        assert max(listener.pieces) <= 8192
        assert listener.told == ["begin", "end"]
    assert listener.told[2:] == ["vanish", "forget"]


async def test_what_is_sent_at_the_end_is_read_before_the_connection_closes(listener):
    async with call(listener) as (reader, writer):
        writer.write_eof()
        await until(lambda: "end" in listener.told)
        listener.connection.send_soon([b"1 2 last\n"])
        listener.connection.close_soon(1000, "finished")
        listener.connection.send_soon([b"too late"])
        assert await reader.read() == b"1 2 last\n"


async def test_a_client_that_still_sends_reads_the_last_line_all_the_same(listener):
    async with call(listener) as (reader, writer):
        writer.write(bytes(100_000))
        await until(lambda: listener.heard)
        listener.connection.send_soon([b"error: no\n"])
        listener.connection.close_soon(1008, "no")
        before = len(listener.heard)
        writer.write(bytes(100_000))
        assert await reader.read() == b"error: no\n"
        writer.write_eof()
        await until(lambda: "vanish" in listener.told)
        assert len(listener.heard) == before


async def test_one_that_never_leaves_is_cut_off(listener, monkeypatch):
    monkeypatch.setattr(connection, "MOST_CLOSING", 0.01)
    async with call(listener):
        await until(lambda: listener.told)
        listener.connection.close_soon(1000, "finished")
        await until(lambda: "vanish" in listener.told)


async def test_one_that_reads_nothing_is_cut_off(listener, monkeypatch):
    monkeypatch.setattr(connection, "MOST_BUFFERED", 100_000)
    async with call(listener) as (reader, _):
        await until(lambda: listener.told)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(10):
            while "vanish" not in listener.told:
                listener.connection.send_soon([bytes(65_536)])
                await asyncio.sleep(0)


async def test_a_client_that_is_held_is_read_later(listener):
    listener.react = lambda data: listener.connection.set_paused(True)
    async with call(listener) as (_, writer):
        writer.write(bytes(50_000))
        await until(lambda: listener.heard)
        await asyncio.sleep(0.02)
        assert len(listener.heard) == 8192
        listener.react = lambda data: None
        listener.connection.set_paused(False)
        await until(lambda: len(listener.heard) == 50_000)


async def test_one_that_sends_all_the_time_lets_others_have_their_turn(listener, monkeypatch):
    monkeypatch.setattr(connection, "TURN", 0.0)
    async with call(listener) as (_, writer):
        writer.write(bytes(100_000))
        await until(lambda: len(listener.heard) == 100_000)


async def test_a_bug_of_ours_ends_only_this_call(listener):
    def fail(data: bytes) -> None:
        raise ZeroDivisionError

    listener.react = fail
    async with call(listener) as (_, writer):
        writer.write(b"ab")
        await until(lambda: "fail" in listener.told)


async def test_one_that_is_lost_before_it_is_admitted_begins_nothing(listener):
    listener.admits = False
    async with call(listener):
        await until(lambda: hasattr(listener, "connection"))
        listener.connection.abort()
        listener.serve()
        assert listener.told == ["vanish", "forget"]


async def test_one_that_opens_no_call_is_given_up(listener):
    listener.patience = 0.01
    async with call(listener) as (reader, _):
        assert await reader.read() == b""
    assert listener.told[:2] == ["begin", "give up"]
