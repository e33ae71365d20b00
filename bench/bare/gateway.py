"""The bare chain's gateway: binary frames into streams, what rings out to the clients."""

import asyncio
import json
from http import HTTPStatus
from typing import Any, TypeAlias

from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response

from bench.bare.chain import OUT, READY, TIMEOUT, audio_of, connected, offers_to, ticks
from common.redis.address import Address
from common.redis.pipe import Pipe
from common.redis.resp import encode

_FLUSH_S = 0.005
_BLOCK_MS = 500
_MOST_KEPT = 2_000
"""Entries of a call's audio that Redis keeps, a minute."""
_WORKERS = 2


class _Call:
    """One call, where the audio received so far ends, and what is to be written next."""

    __slots__ = ("head", "pending", "position")

    def __init__(self, name: bytes, pending: "list[_Piece]") -> None:
        key = audio_of(name)
        self.pending = pending
        self.position = 0
        self.head = b"*8\r\n$4\r\nXADD\r\n$%d\r\n%b\r\n$6\r\nMAXLEN\r\n$1\r\n~\r\n$%d\r\n%d\r\n" % (
            *(len(key), key),
            *(len(str(_MOST_KEPT)), _MOST_KEPT),
        )


_Piece: TypeAlias = tuple[_Call, int, bytes | bytearray | memoryview]


class _Connection(ServerConnection):
    """Audio goes from the library's parser to what is written next."""

    call: _Call | None = None

    def process_event(self, event: Any) -> None:
        call = self.call
        if call is not None and isinstance(event, Frame) and event.opcode is Opcode.BINARY:
            call.position += len(event.data) // 2
            call.pending.append((call, call.position, event.data))
        else:
            super().process_event(event)


class _Gateway:
    def __init__(self, up: Pipe, down: Pipe) -> None:
        self._up = up
        self._down = down
        self._calls: dict[bytes, ServerConnection] = {}
        self._pending: list[_Piece] = []

    async def serve(self, connection: ServerConnection) -> None:
        """Carry one call; its first message is its config."""
        assert isinstance(connection, _Connection)
        await connection.recv()
        name = b"%d" % len(self._calls)
        self._calls[name] = connection
        offers = [("XADD", offers_to(worker), "*", "call", name) for worker in ("vad", "asr")]
        await self._up.send(encode(offers), len(offers), TIMEOUT)
        connection.call = _Call(name, self._pending)
        await connection.send(json.dumps({"type": "session_created", "session": name.decode()}))
        await connection.wait_closed()

    async def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer `GET /ready`; every other request opens a call."""
        if request.path != "/ready":
            return None
        (up,) = await self._up.send(encode([("GET", READY)]), 1, TIMEOUT)
        ready = int(up or 0) >= _WORKERS
        return connection.respond(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, "")

    async def flush(self) -> None:
        """Write all audio that has arrived, again and again."""
        async for _ in ticks(_FLUSH_S):
            if self._pending:
                count = len(self._pending)
                parts: list[bytes | bytearray | memoryview] = []
                for call, end, pcm in self._pending:
                    at = b"%d-1" % end
                    lengths = len(at), at, len(pcm)
                    parts += (call.head, b"$%d\r\n%b\r\n$1\r\na\r\n$%d\r\n" % lengths, pcm, b"\r\n")
                self._pending.clear()
                self._up.send(b"".join(parts), count, TIMEOUT)

    async def listen(self) -> None:
        """Pass on what rings."""
        last = b"0-0"
        while True:
            read = ("XREAD", "COUNT", 1000, "BLOCK", _BLOCK_MS, "STREAMS", OUT, last)
            (news,) = await self._down.send(encode([read]), 1, TIMEOUT)
            for _, entries in news or ():
                last = entries[-1][0]
                for _, fields in entries:
                    for name, message in zip(fields[::2], fields[1::2], strict=True):
                        head = bytes((0x81, len(message)))
                        self._calls[name].transport.write(head + message)


async def run(address: Address, port: int) -> None:
    """Serve until the process is killed."""
    gateway = _Gateway(await connected(address), await connected(address))
    async with serve(
        gateway.serve,
        "127.0.0.1",
        port,
        process_request=gateway.answer,
        create_connection=_Connection,
        compression=None,
        ping_interval=None,
    ):
        await asyncio.gather(gateway.flush(), gateway.listen())
