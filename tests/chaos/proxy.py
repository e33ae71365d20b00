"""A TCP proxy on loopback whose connections can be cut, half closed, delayed, or go deaf.

It stands for the network, and in front of several gateways for a balancer: a new connection goes to
a backend at random, or to the next one that takes it.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

_AT_ONCE = 1 << 20
_CONNECT_S = 2.0


@dataclass(eq=False, slots=True)
class _Link:
    """One connection through the proxy."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    closed: set[asyncio.StreamWriter] = field(default_factory=set)
    """The ends that were told that the other will say no more."""

    def cut(self) -> None:
        """Break it as a cable does: both ends get a reset, nothing in between arrives."""
        for writer in (self.near, self.far):
            writer.transport.abort()

    def close(self, writer: asyncio.StreamWriter) -> None:
        """Tell one end that the other will say no more."""
        if writer not in self.closed:
            self.closed.add(writer)
            with suppress(OSError):
                writer.write_eof()


class Proxy:
    """Forwards connections to one of `backends`, ports on loopback. One event loop.

    `told` gets what comes from the backends.
    """

    def __init__(
        self,
        backends: Sequence[int],
        seed: int = 0,
        *,
        told: Callable[[bytes], None] | None = None,
    ) -> None:
        self.backends = list(backends)
        self._told = told
        self._dice = random.Random(seed)
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()
        self._open.set()
        self._delay = 0.0
        self._server: asyncio.Server
        self.port = 0

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_AT_ONCE)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut everything."""
        self._server.close()
        self.cut(1.0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many go through it now."""
        return len(self._links)

    def cut(self, part: float) -> int:
        """Break a part (0..1) of the connections, at least one; return how many."""
        chosen = self._choose(part)
        for link in chosen:
            link.cut()
        return len(chosen)

    def half_close(self, part: float) -> int:
        """Tell one end of a part of the connections that the other will say no more."""
        chosen = self._choose(part)
        for link in chosen:
            link.close(self._dice.choice((link.near, link.far)))
        return len(chosen)

    async def delay(self, by: float, lasts: float) -> None:
        """Let everything arrive `by` seconds late, or up to twice that, for `lasts` seconds."""
        self._delay = by
        await asyncio.sleep(lasts)
        self._delay = 0.0

    async def swallow(self, lasts: float) -> None:
        """Take what is sent, new connections too, and pass nothing on; then cut all of them.

        What was under way is lost, as with a route that comes back after its state is gone.
        """
        self._open.clear()
        await asyncio.sleep(lasts)
        self.cut(1.0)
        self._open.set()

    def _choose(self, part: float) -> list[_Link]:
        links = list(self._links)
        return self._dice.sample(links, min(len(links), max(1, round(part * len(links)))))

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._open.wait()
            far = await self._reach()
            if far is None:
                writer.transport.abort()
                return
            await self._forward(reader, writer, *far)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for port in self._dice.sample(self.backends, len(self.backends)):
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CONNECT_S):
                    return await asyncio.open_connection("127.0.0.1", port, limit=_AT_ONCE)
        return None

    async def _forward(
        self,
        near_reader: asyncio.StreamReader,
        near: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far: asyncio.StreamWriter,
    ) -> None:
        link = _Link(near, far)
        self._links.add(link)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(link, near_reader, far))
                pumps.create_task(self._pump(link, far_reader, near))
        except* OSError:
            pass
        finally:
            self._links.discard(link)
            link.cut()

    async def _pump(
        self, link: _Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(_AT_ONCE):
            if self._told is not None and writer is link.near:
                self._told(data)
            # In order whatever happens: one pump waits for its own delay.
            if self._delay:
                await asyncio.sleep(self._delay)
            await self._open.wait()
            if writer not in link.closed:
                writer.write(data)
                await writer.drain()
        link.close(writer)
