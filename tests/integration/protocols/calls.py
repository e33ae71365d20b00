"""Calls of any protocol over its real socket, and what the gateway keeps of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
import websockets.asyncio.client as ws
from websockets.exceptions import ConnectionClosed

from callscribe.local.child import free_ports
from gateway.protocols import PROTOCOLS
from gateway.protocols.api import Transport
from gateway.protocols.commands import AudioFormat
from tests.integration.protocols.clients import CLIENTS, WIDE, Client, Message, Told

BY_NAME = {protocol.name: protocol for protocol in PROTOCOLS}
PATIENCE = 60.0
"""Seconds that anything may take on a busy machine."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a gateway listens: its own port, and those of protocols that have one."""

    main: int
    own: Mapping[str, int]

    def of(self, name: str) -> int:
        """Return the port of a protocol."""
        return self.own.get(name, self.main)

    def page(self, path: str) -> str:
        """Return a URL of the gateway."""
        return f"http://127.0.0.1:{self.main}{path}"


def own_ports() -> dict[str, int]:
    """Return a free port for each protocol that has one of its own."""
    names = [protocol.name for protocol in PROTOCOLS if protocol.port]
    return dict(zip(names, free_ports(len(names)), strict=True))


def port_flags(own: Mapping[str, int]) -> list[str]:
    """Return the flags of a gateway that listens there."""
    return [f"--{BY_NAME[name].port.replace('_', '-')}={port}" for name, port in own.items()]


class Wire:
    """A connection that carries messages: a WebSocket, or bytes over TCP."""

    def __init__(self, name: str, told: Told, patience: float = PATIENCE) -> None:
        self.told = told
        self._patience = patience
        self._name = name
        self._client = CLIENTS[name]
        self._socket: ws.ClientConnection | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._hearing: asyncio.Task[None] | None = None

    async def connect(self, ports: Ports, path: str) -> None:
        """Connect, and take down what the server says from now on."""
        port = ports.of(self._name)
        if BY_NAME[self._name].transport is Transport.TCP:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        else:
            url = f"ws://127.0.0.1:{port}{path}"
            self._socket = await ws.connect(
                url, compression=None, max_queue=None, proxy=None, close_timeout=1
            )
        self._hearing = asyncio.create_task(self._hear())

    async def send(self, messages: Iterable[Message]) -> None:
        """Send messages; one that the server does not wait for any more is lost."""
        with suppress(ConnectionClosed, ConnectionError):
            for message in messages:
                if self._socket is not None:
                    await self._socket.send(message)
                elif self._writer is not None and isinstance(message, bytes):
                    self._writer.write(message)
                    await self._writer.drain()

    async def closed(self) -> tuple[int, str]:
        """Wait until the server has closed; return its close code and reason, 0 over TCP."""
        assert self._hearing is not None
        async with asyncio.timeout(self._patience):
            await self._hearing
        if self._socket is None:
            return 0, ""
        return self._socket.close_code or 0, self._socket.close_reason or ""

    @property
    def over(self) -> bool:
        """Whether the server has closed."""
        return self._hearing is not None and self._hearing.done()

    def end(self) -> None:
        """Say over TCP that nothing more will be sent."""
        assert self._writer is not None
        self._writer.write_eof()

    def cut(self) -> None:
        """Break the connection as a network does."""
        writer = self._socket if self._socket is not None else self._writer
        assert writer is not None
        writer.transport.abort()

    async def leave(self) -> None:
        """Close the connection, and hear nothing more."""
        if self._hearing is None:
            return
        if self._socket is not None:
            await self._socket.close()
        elif self._writer is not None:
            self._writer.close()
        self._hearing.cancel()
        await asyncio.gather(self._hearing, return_exceptions=True)

    async def _hear(self) -> None:
        with suppress(ConnectionClosed, ConnectionError):
            if self._socket is not None:
                async for message in self._socket:
                    self._note(str(message))
                return
            assert self._reader is not None
            if CLIENTS[self._name].silent:
                self.told.messages.append((await self._reader.read()).hex())
            else:
                async for line in self._reader:
                    self._note(json.dumps({"line": line.decode().strip()}))

    def _note(self, message: str) -> None:
        self.told.messages.append(message)
        if message.startswith("{"):
            self.told.finals.extend(self._client.heard(json.loads(message)))


class Call:
    """One call of one protocol."""

    def __init__(
        self, name: str, ports: Ports, sound: AudioFormat = WIDE, patience: float = PATIENCE
    ) -> None:
        self.name = str(uuid4())
        """What the client's system calls it."""
        self.told = Told()
        self.protocol = name
        self.client: Client = CLIENTS[name]
        self.wire = Wire(name, self.told, patience)
        self.others: set[str] = set()
        """Sessions of calls that were there before it, as far as that is known."""
        self._patience = patience
        self._ports = ports
        self._sound = sound

    async def open(self) -> None:
        """Connect, and say what opens the call."""
        await self.connect()
        await self.introduce()

    async def connect(self, *, strange: bool = False) -> None:
        """Connect only; `strange`: to say one of the client's strange openings."""
        path = BY_NAME[self.protocol].path
        path = self.client.path(path, self.name, self._sound, strange=strange)
        await self.wire.connect(self._ports, path)

    async def introduce(self) -> None:
        """Say what opens the call."""
        await self.wire.send(self.client.opening(self.name, self._sound))

    async def say(self, *audio: bytes) -> None:
        """Send pieces of audio."""
        for piece in audio:
            await self.wire.send(self.client.audio(piece, self._sound))
            await asyncio.sleep(0)

    async def flush(self, odd: bytes = b"", way: int = 0) -> None:
        """End the open utterance in one of the client's ways; `odd`: part of a frame before it."""
        for message in self.client.flushes[way]:
            if odd:
                await self.say(odd)
            await self.wire.send([message])

    async def finish(self, expected: Sequence[str]) -> None:
        """End the call when the client has heard all of it; `expected` by channel.

        Where the client ends a call by leaving, it must wait for its texts before.
        """
        await self.wire.send(self.client.finish)
        if self.client.finish:
            await self.wire.closed()
        elif BY_NAME[self.protocol].transport is Transport.TCP:
            self.wire.end()
            await self.wire.closed()
        else:
            await self.hear(expected)
            await self.wire.leave()

    async def hear(self, expected: Sequence[str]) -> None:
        """Wait until the client has heard as many words as there are, or is left alone."""
        words = [len(text.split()) for text in expected]
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while [len(self.told.text(c).split()) for c in range(len(words))] < words:
                    if self.wire.over:
                        return
                    await asyncio.sleep(0.02)

    async def session(self) -> str:
        """Return the name by which its results are read; see `id` for a nameless call's."""
        return self.name if self.client.named else await self.id()

    async def id(self) -> str:
        """Wait until there is one call more than before; return its session's id."""
        async with asyncio.timeout(self._patience):
            while len(new := await sessions(self._ports) - self.others) != 1:
                await asyncio.sleep(0.02)
        return new.pop()


async def sessions(ports: Ports) -> set[str]:
    """Return the sessions of the calls that there are, also of those that are just ending."""
    return {each["session_id"] for each in (await answer(ports, ""))["sessions"]}


@asynccontextmanager
async def call(name: str, ports: Ports, sound: AudioFormat = WIDE) -> AsyncIterator[Call]:
    """Open a call; afterwards its client is gone."""
    ours = Call(name, ports, sound)
    ours.others = await sessions(ports)
    try:
        await ours.open()
        yield ours
    finally:
        await ours.wire.leave()


async def answer(ports: Ports, path: str) -> dict[str, Any]:
    """Return what `/v1/sessions` answers below a path; empty for a call that is not known."""
    url = ports.page(f"/v1/sessions{path}")
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        if response.status == 404:
            return {}
        assert response.status == 200, await response.text()
        found: dict[str, Any] = await response.json()
        return found


async def utterances(
    ports: Ports, session: str, patience: float = PATIENCE
) -> list[dict[str, Any]]:
    """Wait until a call has ended; return what was said in it."""
    async with asyncio.timeout(patience):
        while not (found := await answer(ports, f"/{session}/transcript")).get("complete"):
            await asyncio.sleep(0.02)
    said: list[dict[str, Any]] = found["utterances"]
    return said


async def transcript(ports: Ports, session: str, channels: int = 1) -> list[str]:
    """Wait until a call has ended; return the text of each channel."""
    said = await utterances(ports, session)
    return [
        " ".join(each["text"] for each in said if each["channel"] == channel)
        for channel in range(channels)
    ]
