"""A proxy on loopback that puts its clients far away from a server: bytes come a fixed time later.

Unlike a pause before each read, the delay does not bound the throughput: as on a long line, much is
under way together.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class _End(asyncio.Protocol):
    """One end of a connection; what it hears leaves at the other end `delay` s later, in order."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._under_way: deque[tuple[float, bytes]] = deque()
        self.other: _End
        self.broken = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._under_way.append((self._loop.time() + self._delay, data))
        if len(self._under_way) == 1:
            self._loop.call_later(self._delay, self._arrive)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.broken = True
        if not self.other.broken:
            self.other.close()

    def close(self) -> None:
        """Close this end; what is under way to it is lost."""
        self._transport.close()

    def _arrive(self) -> None:
        while self._under_way and self._under_way[0][0] <= self._loop.time():
            _, data = self._under_way.popleft()
            if not self.other.broken:
                self.other.say(data)
        if self._under_way:
            self._loop.call_at(self._under_way[0][0], self._arrive)

    def say(self, data: bytes) -> None:
        """Send to the process at this end."""
        self._transport.write(data)


class _Near(_End):
    """The end of a client; it connects to the server at `port` before it is read."""

    def __init__(self, delay: float, port: int) -> None:
        super().__init__(delay)
        self._port = port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._transport.pause_reading()
        self._connecting = self._loop.create_task(self._connect())

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        if self._connecting.done():
            super().connection_lost(exc)
        else:
            self._connecting.cancel()

    async def _connect(self) -> None:
        far = _End(self._delay)
        self.other, far.other = far, self
        try:
            await self._loop.create_connection(lambda: far, "127.0.0.1", self._port)
        except OSError:
            self._transport.abort()
            return
        self._transport.resume_reading()


@asynccontextmanager
async def far_away(port: int, rtt: float) -> AsyncIterator[int]:
    """Yield a port of loopback that leads to another one, with a round trip of `rtt` seconds."""
    loop = asyncio.get_running_loop()
    near: list[_Near] = []

    def accept() -> _Near:
        near.append(_Near(rtt / 2, port))
        return near[-1]

    server = await loop.create_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in near:
            each.close()
