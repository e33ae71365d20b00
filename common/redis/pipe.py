"""One socket to one server: it sends batches of commands and returns their replies in order."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import cast

import hiredis

from common.errors import BusUnavailable, NotPermitted
from common.redis.address import Address
from common.redis.resp import (
    Command,
    CommandError,
    Reply,
    command_at,
    encode,
    is_denied,
    is_unfit,
    key_of,
)


class ConnectionRefused(BusUnavailable):
    """The server answers, but refuses this client or is not the wanted one."""


class _Batch:
    """Commands in flight together and the replies they have so far."""

    __slots__ = ("count", "data", "deadline", "denied", "replies", "waiter")

    def __init__(
        self, data: bytes, count: int, deadline: float, waiter: asyncio.Future[list[Reply]]
    ) -> None:
        self.data = data
        self.count = count
        self.deadline = deadline
        self.waiter = waiter
        self.replies: list[Reply] = []
        self.denied: int | None = None
        """The place of the first command that the user has no right to."""


class Pipe(asyncio.Protocol):
    """Replies are matched to batches in the order they were sent; once broken it stays broken.

    It breaks by itself when the server says that it is not a usable master (any more): the next
    connection may find the right one. A batch with a command that the user has no right to fails
    with NotPermitted, since its callers could only misread that refusal.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
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
        words = self._parting_words()
        for batch in self.batches:
            if not batch.waiter.done():
                batch.waiter.set_exception(_broken(self._address, words))
        self.batches.clear()

    def _parting_words(self) -> CommandError | None:
        """Return why the server hung up: its only answer to a batch, or what it said unasked.

        A server that has too many clients, or no password, says so and hangs up.
        """
        answers = self.batches[0].replies if self.batches else []
        words = answers[0] if len(answers) == 1 else self._reader.gets()
        return words if isinstance(words, CommandError) else None

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
                if isinstance(reply, CommandError):
                    if is_unfit(reply):
                        self.abort()
                    elif batch.denied is None and is_denied(reply):
                        batch.denied = len(batch.replies) - 1
            self.batches.popleft()
            if batch.waiter.done():
                continue
            if batch.denied is None:
                batch.waiter.set_result(batch.replies)
            else:
                batch.waiter.set_exception(self._denial(batch, batch.denied))

    def send(self, data: bytes, count: int, timeout: float) -> asyncio.Future[list[Reply]]:
        """Send `count` encoded commands; the future has their replies, or BusUnavailable."""
        if self.transport is None or self.lost.is_set():
            raise _broken(self._address, self._parting_words(), "not connected to Redis")
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[list[Reply]] = loop.create_future()
        self.batches.append(_Batch(data, count, loop.time() + timeout, waiter))
        self.transport.write(data)
        return waiter

    def _denial(self, batch: _Batch, index: int) -> NotPermitted:
        command = command_at(batch.data, index)
        words = command[0], key_of(command)
        said = " ".join(each.decode(errors="replace") for each in words if isinstance(each, bytes))
        return NotPermitted(
            f"Redis at {self._address}: user {self._address.username or 'default'} may not run"
            f" {said}: {batch.replies[index]} (callscribe redis-acl writes the rights)"
        )

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
    pipe = Pipe(address)
    commands = [*_login(address), *greeting]
    try:
        try:
            async with asyncio.timeout(timeout):
                await _open_socket(pipe, address)
                replies = await pipe.send(encode(commands), len(commands), timeout)
        except ConnectionRefused:
            raise
        except (OSError, TimeoutError, BusUnavailable) as error:
            reason = str(error) or ("no answer to TLS" if address.tls else "no answer")
            raise BusUnavailable(f"no Redis at {address}: {reason}") from error
        except NotPermitted as error:
            raise ConnectionRefused(f"Redis refuses the connection: {error}") from None
        for reply in replies:
            if isinstance(reply, CommandError):
                raise _refused(address, reply)
    except BaseException:
        # Close the socket however the attempt ends: else they would pile up at a frozen server.
        pipe.abort()
        raise
    return pipe, replies[len(commands) - len(greeting) :]


def _broken(
    address: Address, words: CommandError | None, otherwise: str = "the connection to Redis broke"
) -> BusUnavailable:
    return BusUnavailable(otherwise) if words is None else _refused(address, words)


def _refused(address: Address, words: CommandError) -> ConnectionRefused:
    user = f" (user {address.username})" if address.username else ""
    return ConnectionRefused(f"Redis at {address} refuses the connection: {words}{user}")


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
