"""A connection of a real server, whose session notes what it is told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import websockets.asyncio.client as ws
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode

from gateway.conversations.reasons import FLOOD, Reason
from gateway.protocols.controls import is_object
from gateway.turns.crowd import Crowd
from gateway.websocket.arrival import Arrival
from gateway.websocket.connection import WebSocketConnection


class Session:
    """Stands in for a `Conversation`: records what the connection tells it."""

    def __init__(self) -> None:
        self.received: list[str | bytes] = []
        self.failures: list[Exception] = []
        self.began = 0
        self.hung_up = 0
        self.vanished = 0
        self.given_up = 0
        self.floods = 0
        self.forgotten = False
        self.divisible = True
        self.connection: WebSocketConnection
        self.react: Callable[[str | bytes], None] = lambda message: None

    def receive(self, message: str | bytes) -> None:
        self.received.append(message)
        self.react(message)

    def is_control(self, data: bytes) -> bool:
        return is_object(data)

    def fail(self, error: Exception) -> None:
        self.failures.append(error)

    def hang_up(self) -> None:
        self.hung_up += 1

    def vanish(self) -> None:
        self.vanished += 1

    def begin(self) -> None:
        self.began += 1

    def overdue(self) -> None:
        self.given_up += 1

    def forget_client(self) -> None:
        self.forgotten = True

    @property
    def codec(self) -> "Session":
        """What it asks its codec it knows itself."""
        return self

    def refuse(self, why: Reason) -> None:
        assert why is FLOOD
        self.floods += 1
        self.connection.close_soon(why.close_code, why.code)


class Host:
    """Stands in for a listener at which every handshake is for a protocol."""

    def serves(self, path: str) -> bool:
        return True

    def http(self, goes_on: bool) -> asyncio.Protocol:
        raise AssertionError("only handshakes are sent here")


def arrival(*args: Any, **kwargs: Any) -> Arrival:
    crowd = Crowd()
    return Arrival(WebSocketConnection(*args, crowd=crowd, **kwargs), Host(), crowd)


@asynccontextmanager
async def call(
    session: Session, *, patience: float = 60.0, **options: Any
) -> AsyncIterator[ws.ClientConnection]:
    """Connect a client to a real server whose one session this is."""

    async def handle(accepted: ServerConnection) -> None:
        assert isinstance(accepted, WebSocketConnection)
        session.connection = accepted
        await accepted.serve(session, patience)  # type: ignore[arg-type]

    async with serve(
        handle,
        "127.0.0.1",
        0,
        create_connection=cast(Any, arrival),
        compression=None,
        max_size=1_000,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        url = f"ws://127.0.0.1:{port}"
        async with ws.connect(url, compression=None, proxy=None, **options) as client:
            await until(lambda: hasattr(session, "connection"))
            yield client
            client.transport.abort()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def close_code(client: ws.ClientConnection) -> int:
    async with asyncio.timeout(10):
        try:
            while True:
                await client.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


def masked_with_zeros(opcode: Opcode, payload: bytes) -> bytes:
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + bytes(4) + payload
