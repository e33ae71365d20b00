"""One socket to one server: it sends batches of commands and returns their replies in order."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import cast

import hiredis

from common.errors import BusUnavailable
from common.redis.address import Address
from common.redis.resp import Command, CommandError, Reply, encode, is_unfit


class ConnectionRefused(BusUnavailable):
    """The server answers, but refuses this client or is not the wanted one."""


class _Batch:
    """Commands in flight together and the replies they have so far."""

    __slots__ = ("count", "deadline", "replies", "waiter")

    def __init__(self, count: int, deadline: float, waiter: asyncio.Future[list[Reply]]) -> None:
        self.count = count
        self.deadline = deadline
        self.waiter = waiter
        self.replies: list[Reply] = []


class Pipe(asyncio.Protocol):
    """Replies are matched to batches in the order they were sent; once broken it stays broken.

    It breaks by itself when the server says that it is not a usable master (any more): the next
    connection may find the right one.
    """

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.batches: deque[_Batch] = deque()
        self.lost = asyncio.Event()
        self._reader = hiredis.Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        # uvloop's transports are asyncio.Transport by interface, not by inheritance.
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is in flight."""
        self.lost.set()
        for batch in self.batches:
            if not batch.waiter.done():
                batch.waiter.set_exception(BusUnavailable("the connection to Redis broke"))
        self.batches.clear()

    def data_received(self, data: bytes) -> None:
        """Distribute the complete replies."""
        self._reader.feed(data)
        while self.batches:
            batch = self.batches[0]
            while len(batch.replies) < batch.count:
                reply = self._reader.gets()
                if reply is False:
                    return
                batch.replies.append(reply)
                if isinstance(reply, CommandError) and is_unfit(reply):
                    self.abort()
            self.batches.popleft()
            if not batch.waiter.done():
                batch.waiter.set_result(batch.replies)

    def send(self, data: bytes, count: int, timeout: float) -> asyncio.Future[list[Reply]]:
        """Send `count` encoded commands; the future has their replies, or BusUnavailable."""
        if self.transport is None or self.lost.is_set():
            raise BusUnavailable("not connected to Redis")
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[list[Reply]] = loop.create_future()
        self.batches.append(_Batch(count, loop.time() + timeout, waiter))
        self.transport.write(data)
        return waiter

    def expire(self, now: float) -> None:
        """Break the connection when its oldest batch is overdue."""
        if self.batches and self.batches[0].deadline < now:
            self.abort()

    def abort(self) -> None:
        """Close the socket, if there is one, without waiting for anything."""
        if self.transport is not None:
            self.transport.abort()


async def open_pipe(
    address: Address, greeting: Sequence[Command], timeout: float
) -> tuple[Pipe, list[Reply]]:
    """Connect to the one server at an address, log in and send a greeting; return its replies.

    BusUnavailable names the address and the reason; it is ConnectionRefused when a command was.
    """
    pipe = Pipe()
    commands = [*_login(address), *greeting]
    try:
        try:
            async with asyncio.timeout(timeout):
                await _open_socket(pipe, address)
                replies = await pipe.send(encode(commands), len(commands), timeout)
        except (OSError, TimeoutError, BusUnavailable) as error:
            reason = str(error) or "no answer"
            raise BusUnavailable(f"no Redis at {address}: {reason}") from error
        for reply in replies:
            if isinstance(reply, CommandError):
                raise ConnectionRefused(f"Redis at {address} refuses the connection: {reply}")
    except BaseException:
        # Close the socket however the attempt ends: else they would pile up at a frozen server.
        pipe.abort()
        raise
    return pipe, replies[len(commands) - len(greeting) :]


async def ask(address: Address, commands: Sequence[Command], timeout: float) -> list[Reply]:
    """Run commands on a connection made for them; raises as `open_pipe` does."""
    pipe, replies = await open_pipe(address, commands, timeout)
    pipe.abort()
    await pipe.lost.wait()
    return replies


async def _open_socket(pipe: Pipe, address: Address) -> None:
    loop = asyncio.get_running_loop()
    if address.path is not None:
        await loop.create_unix_connection(lambda: pipe, address.path)
    else:
        await loop.create_connection(lambda: pipe, address.host, address.port, ssl=address.tls)


def _login(address: Address) -> list[Command]:
    commands: list[Command] = []
    if address.password is not None:
        user = (address.username,) if address.username else ()
        commands.append(("AUTH", *user, address.password))
    if address.db:
        commands.append(("SELECT", address.db))
    return commands
