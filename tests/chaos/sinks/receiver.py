"""The other end of a sink, which fails in its own ways, and can be asked what it has."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from tests.chaos.proxy import Proxy
from tests.chaos.sinks.kept import Kept

_T = TypeVar("_T")


class Receiver(ABC):
    """One for all gateways. `removes`: whether an erased call leaves it; else it is told."""

    name: str
    removes = True

    def __init__(self) -> None:
        self.struck = asyncio.Lock()
        """Held by the fault that it suffers."""

    @abstractmethod
    async def open(self, folder: Path) -> None:
        """Begin to be there, with an empty folder of its own."""

    @property
    @abstractmethod
    def flags(self) -> Mapping[str, str]:
        """The flags of a gateway that writes to it; ``sinks`` is this one's part of the list."""

    @abstractmethod
    async def start(self) -> None:
        """Take what comes from now on."""

    @abstractmethod
    async def die(self) -> None:
        """Take nothing until it is started again."""

    async def close(self) -> None:
        """End it for ever."""
        await self.die()

    @abstractmethod
    async def suffer(self, how: str, seconds: float) -> None:
        """Fail in one of its ways for so long; see `tests.chaos.plan`."""

    @abstractmethod
    async def kept(self) -> list[Kept]:
        """Return what it has of each call."""

    @abstractmethod
    async def content(self) -> bytes:
        """Return all that it has, as it can be read."""


class Server(Protocol):
    """A process of its own, which keeps what it has confirmed when it is killed."""

    port: int

    def start(self) -> None:
        """Start it and wait until it answers. The thread that does must outlive it."""

    def stop(self) -> None:
        """End it."""


class Served(Receiver):
    """A server behind a network that is hurt as well."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self._thread = ThreadPoolExecutor(1, f"chaos-{self.name}")
        self._server: Server
        self.proxy: Proxy

    @abstractmethod
    def make(self, folder: Path, port: int) -> Server:
        """Make the server, with an empty folder of its own; clients find it at `port`."""

    @abstractmethod
    async def prepare(self) -> None:
        """Make what a sink needs there, once the server runs for the first time."""

    async def open(self, folder: Path) -> None:
        """See `Receiver`."""
        self.proxy = Proxy([], self._seed)
        await self.proxy.start()
        self._server = await self.beside(lambda: self.make(folder, self.proxy.port))
        self.proxy.backends.append(self._server.port)
        await self.start()
        await self.prepare()

    async def beside(self, work: Callable[[], _T]) -> _T:
        """Do what blocks in the thread that outlives the server."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def start(self) -> None:
        """See `Receiver`."""
        await self.beside(lambda: self._server.start())

    async def die(self) -> None:
        """See `Receiver`."""
        await self.beside(lambda: self._server.stop())

    async def close(self) -> None:
        """See `Receiver`."""
        await self.die()
        await self.proxy.stop()
        self._thread.shutdown()

    async def suffer(self, how: str, seconds: float) -> None:
        """See `Receiver`."""
        ways: dict[str, Callable[[], Awaitable[None]]] = {
            "restart": lambda: self._restart(seconds),
            "cut": self._cut,
            "swallow": lambda: self.proxy.swallow(seconds),
        }
        await ways[how]()

    async def _restart(self, seconds: float) -> None:
        await self.die()
        await asyncio.sleep(seconds)
        await self.start()

    async def _cut(self) -> None:
        self.proxy.cut(1.0)
