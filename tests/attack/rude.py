"""The attacker's side of a connection, and the count of what it sent and what came back."""

import asyncio
import json
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

from tests.attack import wire
from tests.attack.holdings import Holdings

SOURCE = "127.0.0.2"
"""The attackers' address. The neighbour and the newcomers come from 127.0.0.1."""
PATH = "/ws/asr"
NO_STATUS = "none"
"""Stands for the status of a request whose connection ended without one."""
_TAIL = 256
_PAUSE = 0.05
"""Seconds until an attacker whose connection ended, or was refused, comes again."""
BROKEN = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


@dataclass(slots=True)
class Tally:
    """What an attacker did and met."""

    connections: int = 0
    messages: int = 0
    sent: int = 0
    """Bytes."""
    received: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    """HTTP statuses, and `NO_STATUS`."""
    closes: Counter[str] = field(default_factory=Counter)
    """WebSocket close codes, `reset` and `eof` for ends without one."""
    errors: Counter[str] = field(default_factory=Counter)
    """Codes of the server's error messages, and connections that were not to be had."""
    breaches: Counter[str] = field(default_factory=Counter)
    """What the attacker got and should not have."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a plain request, or to a handshake that was refused."""

    status: int | None
    head: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to attack, and where to count. `holdings`: where keys are needed."""

    port: int
    tally: Tally
    holdings: Holdings | None = None

    @property
    def held(self) -> Holdings:
        """What the attacker has of keys."""
        assert self.holdings is not None
        return self.holdings

    async def dial(
        self, *, receive_buffer: int | None = None, port: int = 0, source: str = SOURCE
    ) -> "Rude":
        """Open a TCP connection from the attackers' address; OSError where there is none.

        `port`: another one than the target's.
        """
        raw = socket.socket()
        try:
            raw.setblocking(False)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # Thousands of connections a second would use up the ports otherwise.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if receive_buffer is not None:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            raw.bind((source, 0))
            there = ("127.0.0.1", port or self.port)
            await asyncio.get_running_loop().sock_connect(raw, there)
            reader, writer = await asyncio.open_connection(sock=raw, limit=1 << 20)
        except BaseException as error:
            raw.close()
            if isinstance(error, OSError):
                self.tally.errors[type(error).__name__] += 1
            raise
        self.tally.connections += 1
        return Rude(reader, writer, self.tally)

    async def again_and_again(
        self, visit: Callable[["Rude"], Awaitable[None]], *, sockets: int, pause: float = _PAUSE
    ) -> None:
        """Keep connections open on which `visit` runs; one that ends is replaced, for ever."""

        async def act() -> None:
            async with await self.dial() as rude:
                await visit(rude)

        await self.over_and_over(act, lines=sockets, pause=pause)

    async def over_and_over(
        self, act: Callable[[], Awaitable[None]], *, lines: int, pause: float = _PAUSE
    ) -> None:
        """Act on so many lines for ever; connections that break are no reason to stop."""

        async def line() -> None:
            while True:
                with suppress(*BROKEN):
                    await act()
                await asyncio.sleep(pause)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(lines):
                tasks.create_task(line())

    async def calls(
        self,
        visit: Callable[["Rude"], Awaitable[None]],
        *,
        sockets: int,
        options: dict[str, Any] | None = None,
    ) -> None:
        """Like `again_and_again`, with a call open before each `visit`."""

        async def visit_call(rude: Rude) -> None:
            if await rude.open_call(**(options or {})) is not None:
                await visit(rude)
            else:
                await asyncio.sleep(5 * _PAUSE)

        await self.again_and_again(visit_call, sockets=sockets)


class Rude:
    """One connection; leaving the context resets it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tally: Tally
    ) -> None:
        self.tally = tally
        self._reader = reader
        self._writer = writer
        self._draining: asyncio.Task[None] | None = None
        self.close_code: int | None = None
        """That of the server, once it was read as a message."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._draining is not None:
            # An end that the server made may lie in the socket still.
            await asyncio.wait({self._draining}, timeout=0.01)
            self._draining.cancel()
        self.reset()

    def reset(self) -> None:
        """Break the connection off."""
        self._writer.transport.abort()

    def end_of_file(self) -> None:
        """Send no more, as the other side can see."""
        self._writer.write_eof()

    async def send(self, data: bytes, messages: int = 0) -> None:
        """Send, as fast as it is read; ConnectionError when it is not any more."""
        if self._draining is not None and self._draining.done():
            raise ConnectionResetError("the server has ended the connection")
        self._writer.write(data)
        self.tally.sent += len(data)
        self.tally.messages += messages
        await self._writer.drain()
        if len(data) < 1 << 10:  # what fits the socket does not wait: others must have a turn
            await asyncio.sleep(0)

    async def flood(self, one: bytes, *, reads: bool = True) -> None:
        """Send a frame again and again until the server ends the connection, or for ever."""
        chunk, count = wire.repeated(one)
        if reads:
            self.read_on()
        while True:
            await self.send(chunk, count)

    async def upgrade(self, query: str = "", headers: tuple[str, ...] = ()) -> bool:
        """Become a WebSocket; tell whether the server agreed."""
        await self.send(wire.upgrade(PATH + query, headers))
        return await self.status() == 101

    async def status(self) -> int | None:
        """Read the head of a response; return its status."""
        return (await self._head())[0]

    async def answer(self) -> Answer:
        """Read a response, whose body ends with the connection; a WebSocket's has none."""
        status, head = await self._head()
        body = b"" if status == 101 else await self._reader.read(-1)
        self.tally.received += len(body)
        return Answer(status, head, body)

    async def _head(self) -> tuple[int | None, bytes]:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except BROKEN:
            self.tally.statuses[NO_STATUS] += 1
            raise
        self.tally.received += len(head)
        status = wire.status_of(head)
        self.tally.statuses[str(status)] += 1
        return status, head

    async def open_call(
        self, query: str = "", headers: tuple[str, ...] = (), **options: Any
    ) -> dict[str, Any] | None:
        """Open or resume a call; return `session_created`, None when the server did not agree."""
        if not await self.upgrade(query, headers):
            return None
        await self.send(wire.text({"type": "config", **(options or {"encoding": "pcm16"})}), 1)
        while (message := await self.message()) is not None:
            if message.get("type") == "session_created":
                return message
            self.tally.errors[str(message.get("code"))] += 1
        return None

    def read_on(self) -> None:
        """Read whatever comes from now on, and note how the connection ends."""
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())

    async def ended(self) -> None:
        """Read until the server ends the connection, or says that it will."""
        self.read_on()
        assert self._draining is not None
        await self._draining

    async def _drain(self) -> None:
        tail, code, end = b"", None, "eof"
        try:
            while code is None and (data := await self._reader.read(1 << 16)):
                self.tally.received += len(data)
                tail = (tail + data)[-_TAIL:]
                code = wire.close_code(tail)
        except OSError:
            end = "reset"
        self.tally.closes[end if code is None else str(code)] += 1

    async def hang_up(self) -> None:
        """Close a call in order, so that it does not wait for its client."""
        await self.send(wire.frame(wire.CLOSE, (1000).to_bytes(2)), 1)
        await self.ended()

    async def message(self) -> dict[str, Any] | None:
        """Return the next text message, None for a close."""
        while True:
            first, second = await self._reader.readexactly(2)
            size = second & 0x7F
            if size >= 126:
                size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8))
            payload = await self._reader.readexactly(size)
            self.tally.received += size + 2
            opcode = first & 0xF
            if opcode == wire.CLOSE:
                self.close_code = int.from_bytes(payload[:2]) if size >= 2 else 1005
                self.tally.closes[str(self.close_code)] += 1
                return None
            if opcode == wire.TEXT:
                message: dict[str, Any] = json.loads(payload)
                return message
