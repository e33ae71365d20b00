"""What a frame costs the gateway's WebSocket before a session has it: ours beside the library's.

    python -m bench frames [--connections N] [--frames N] [--json FILE] [--short]

`ours` is `gateway.websocket.connection`, `library` a task for each connection that reads it with
``async for``, as websockets documents. Both get one 32 ms frame of PCM16 at a time, on connections
in turn, as a gateway does. The frames come out of memory: reading the socket is not in the figures.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from time import process_time
from typing import Any, cast

import uvloop
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from bench import record
from bench.options import parser_of
from gateway.conversations.conversation import Conversation
from gateway.turns.crowd import Crowd
from gateway.websocket.arrival import Arrival
from gateway.websocket.connection import WebSocketConnection

_FRAME = Frame(Opcode.BINARY, bytes(1024)).serialize(mask=True)
_ROUNDS = 5
_PATIENCE = 600.0


class _Counter:
    """Stands in for a `Conversation`."""

    verbatim = True

    def __init__(self) -> None:
        self._missing = 0
        self._all = asyncio.Event()

    def expect(self, count: int) -> None:
        """Count from 0, up to `count`."""
        self._missing = count
        self._all.clear()

    async def complete(self) -> None:
        """Wait until as many as expected were received."""
        await self._all.wait()

    def receive(self, message: str | bytes) -> None:
        self._missing -= 1
        if not self._missing:
            self._all.set()

    def fail(self, error: Exception) -> None:
        raise error

    def begin(self) -> None: ...
    def give_up(self) -> None: ...
    def vanish(self) -> None: ...
    def hang_up(self) -> None: ...
    def forget_client(self) -> None: ...


class _Host:
    """A listener at which every handshake is for a protocol."""

    def serves(self, path: str) -> bool:
        return True

    def http(self, goes_on: bool) -> asyncio.Protocol:
        raise AssertionError("only handshakes are sent here")


def _ours(crowd: Crowd) -> Callable[..., Arrival]:
    def create(*args: Any, **kwargs: Any) -> Arrival:
        return Arrival(WebSocketConnection(*args, crowd=crowd, **kwargs), _Host(), crowd)

    return create


def main(argv: Sequence[str]) -> int:
    """Measure and print; 0, as both must have received every frame."""
    parser = parser_of("frames", __doc__, short="20 connections")
    parser.add_argument("--connections", type=int, default=200, metavar="N")
    parser.add_argument("--frames", type=int, default=100, metavar="N", help="of each, in a round")
    options = parser.parse_args(argv)
    connections = 20 if options.short else options.connections
    ours, library = uvloop.run(measure(connections, options.frames))
    print(f"CPU us a frame, {connections} connections: ours {ours:.1f}, library {library:.1f}")
    print(f"ratio {library / ours:.1f}")
    if options.json is not None:
        figures = {"connections": connections, "ours_us": ours, "library_us": library}
        record.write(options.json, figures)
    return 0


async def measure(connections: int, frames: int, rounds: int = _ROUNDS) -> tuple[float, float]:
    """Return CPU in µs for each frame, ours and the library's: medians over rounds in turn."""
    taken: tuple[list[float], list[float]] = ([], [])
    async with AsyncExitStack() as running:
        both = [
            await running.enter_async_context(_opened(connections, kind))
            for kind in (WebSocketConnection, ServerConnection)
        ]
        for turn in range(rounds + 1):  # the first warms up
            for (accepted, counter), figures in zip(both, taken, strict=True):
                took = await _feed(accepted, counter, frames)
                if turn:
                    figures.append(took)
    ours, library = map(median, taken)
    return ours, library


@asynccontextmanager
async def _opened(
    count: int, kind: type[ServerConnection]
) -> AsyncIterator[tuple[list[ServerConnection], _Counter]]:
    """Connect `count` clients to a server; return its sides of them, and what they receive."""
    counter, accepted = _Counter(), list[ServerConnection]()
    everybody = asyncio.Event()

    async def handle(connection: ServerConnection) -> None:
        accepted.append(connection)
        if len(accepted) == count:
            everybody.set()
        if isinstance(connection, WebSocketConnection):
            await connection.serve(cast(Conversation, counter), _PATIENCE)
            return
        async for message in connection:
            counter.receive(message)

    async with AsyncExitStack() as clients:
        create = _ours(Crowd()) if kind is WebSocketConnection else kind
        server = await clients.enter_async_context(
            serve(handle, "127.0.0.1", 0, create_connection=cast(Any, create), compression=None)
        )
        port = server.sockets[0].getsockname()[1]
        for _ in range(count):
            url = f"ws://127.0.0.1:{port}"
            await clients.enter_async_context(connect(url, compression=None, proxy=None))
        await everybody.wait()
        yield accepted, counter


async def _feed(connections: Sequence[ServerConnection], counter: _Counter, frames: int) -> float:
    """Give each connection `frames` frames in turn; return the CPU in µs for each."""
    total = len(connections) * frames
    counter.expect(total)
    began = process_time()
    for _ in range(frames):
        for connection in connections:
            connection.data_received(_FRAME)
        await asyncio.sleep(0)
    await counter.complete()
    return 1e6 * (process_time() - began) / total
