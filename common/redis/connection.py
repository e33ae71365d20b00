"""A pipelined connection to one server, or to a service's master; it reconnects by itself."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from common.backoff import pauses
from common.errors import BusUnavailable, OtherServer
from common.redis.address import Address
from common.redis.pipe import ConnectionRefused, Pipe, open_pipe
from common.redis.refusals import Refusals
from common.redis.resp import Command, Part, Reply, encode
from common.redis.sentinel import Sentinels
from common.telemetry.logs import Log
from common.telemetry.metrics import BusMetrics

REPLY_TIMEOUT = 5.0
"""Seconds without an answer after which a connection is dropped: a half-open socket is silent."""
_CHECK_EVERY = 1.0
"""Seconds between questions to the sentinels: a replaced master accepts writes, all of them lost,
for ten seconds more (measured)."""

_log = Log(__name__)


def backoff() -> Iterator[float]:
    """Yield the pauses between attempts, in seconds: from 50 ms to 1 s."""
    return pauses(0.05, 1.0)


class Connection:
    """Answers batches in the order in which they were sent.

    `changed` is called when the connection is lost, could not be made, and is restored.
    """

    in_order = True

    def __init__(
        self,
        address: Address,
        name: str,
        metrics: BusMetrics | None,
        refusals: Refusals,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.generation = 0
        self.address = address
        self._name = name
        self._metrics = metrics
        self._refusals = refusals
        self._changed = changed
        self._sentinels = Sentinels(address) if address.sentinels else None
        self._server = address
        self._pipe: Pipe | None = None
        self._run_id = b""
        self._connected = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Connect now, or raise BusUnavailable, and keep connected from then on."""
        self._pipe = await self._dial()
        self.start()

    def start(self) -> None:
        """Connect in the background and keep connected from then on."""
        self._keeper = asyncio.create_task(self._keep(), name=f"link:{self._name}")

    async def close(self) -> None:
        """Close, and do not reconnect; batches in flight fail with BusUnavailable."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._pipe is not None and self._pipe.transport is not None:
            self._pipe.transport.close()
            await self._pipe.lost.wait()

    def abort(self) -> None:
        """Drop the connection immediately; it reconnects as after any other failure."""
        if self._pipe is not None:
            self._pipe.abort()

    @property
    def connected(self) -> bool:
        """Whether a batch sent now would reach a socket."""
        return self._pipe is not None and not self._pipe.lost.is_set()

    async def wait_connected(self) -> None:
        """Wait until there is a connection again."""
        if not self.connected:
            # The keeper may not know yet; returning now would let a retry spin before it learns.
            self._connected.clear()
            await self._connected.wait()

    @staticmethod
    def parts(commands: Sequence[Command]) -> list[Part]:
        """Encode commands as one part, since they all go to the same server."""
        return [(b"", encode(commands), len(commands))]

    def send(self, data: bytes, count: int, timeout: float) -> asyncio.Future[list[Reply]]:
        """Send `count` encoded commands immediately; see `Pipe.send`."""
        if self._pipe is None:
            raise BusUnavailable("not connected to Redis")
        return self._pipe.send(data, count, timeout)

    async def run(self, parts: Sequence[Part], timeout: float) -> list[Reply]:
        """Run parts as one pipeline; return their replies, errors in their places.

        Raises BusUnavailable when there is no connection or it breaks before the last reply.
        """
        data, count = _join(parts)
        if not count:
            return []
        replies = await self.send(data, count, timeout)
        self._refusals.note(self._server, replies)
        return replies

    async def everywhere(self, command: Command) -> list[Reply]:
        """Run a command; see `Link.everywhere`."""
        return await self.send(encode([command]), 1, REPLY_TIMEOUT)

    async def insist(
        self, parts: Sequence[Part], generation: int | None
    ) -> tuple[list[Reply], bool]:
        """Run parts until Redis has executed or refused them; tell whether they were repeated.

        With `generation`, raises OtherServer as soon as this is another.
        """
        data, count = _join(parts)
        repeated = False
        for pause in backoff() if count else ():
            if generation not in (None, self.generation):
                raise OtherServer("Redis is not the same server as before")
            try:
                replies = await self.send(data, count, REPLY_TIMEOUT)
            except BusUnavailable:
                await self.wait_connected()
            else:
                if not self._refusals.note(self._server, replies):
                    return replies, repeated
                await asyncio.sleep(pause)
            repeated = True
        return [], False

    def _count(self, kind: str) -> None:
        if self._metrics is not None:
            self._metrics.errors.labels(kind).inc()

    async def _dial(self) -> Pipe:
        address = self.address
        greeting = [
            ("CLIENT", "SETNAME", self._name),
            ("INFO", "server"),
            ("INFO", "replication"),
            ("PING",),
        ]
        try:
            if self._sentinels is not None:
                address = await self._sentinels.master()
            pipe, (_, server, replication, _) = await open_pipe(address, greeting, REPLY_TIMEOUT)
            if b"role:master" not in replication:
                pipe.abort()
                raise ConnectionRefused(f"Redis at {address} is not a master")
        except ConnectionRefused:
            self._count("refused")
            raise
        except BusUnavailable:
            self._count("connect")
            raise
        self._server = address
        self._note_server(server.partition(b"run_id:")[2].partition(b"\r")[0])
        return pipe

    def _note_server(self, run_id: bytes) -> None:
        """Note which server this is: a new one may lack what the former one acknowledged."""
        if self._run_id and run_id != self._run_id:
            self.generation += 1
            _log.warning("redis.other", link=self._name, generation=self.generation)
        self._run_id = run_id

    async def _keep(self) -> None:
        while True:
            if self._pipe is not None:
                self._connected.set()
                await self._stay(self._pipe)
                self._connected.clear()
                self._count("lost")
                _log.warning("redis.lost", link=self._name, address=str(self.address))
            self._changed()
            told: set[str] = set()
            for pause in backoff():
                try:
                    self._pipe = await self._dial()
                except BusUnavailable as trouble:
                    if (reason := str(trouble)) not in told:
                        told.add(reason)
                        _log.warning("redis.unreachable", link=self._name, reason=reason)
                    self._changed()
                    await asyncio.sleep(pause)
                else:
                    break
            _log.info("redis.back", link=self._name)
            self._changed()

    async def _stay(self, pipe: Pipe) -> None:
        """Return when the connection is lost, for whatever reason."""
        if self._sentinels is None:
            return await self._watch(pipe)
        checking = asyncio.create_task(self._check_master(pipe, self._sentinels))
        try:
            return await self._watch(pipe)
        finally:
            checking.cancel()

    async def _check_master(self, pipe: Pipe, sentinels: Sentinels) -> None:
        """Drop the connection when its server is no longer the service's master."""
        while True:
            await asyncio.sleep(_CHECK_EVERY)
            with suppress(BusUnavailable):
                if await sentinels.master() != self._server:
                    pipe.abort()

    @staticmethod
    async def _watch(pipe: Pipe) -> None:
        loop = asyncio.get_running_loop()
        while not pipe.lost.is_set():
            try:
                async with asyncio.timeout(REPLY_TIMEOUT / 10):
                    await pipe.lost.wait()
            except TimeoutError:
                pipe.expire(loop.time())


def _join(parts: Sequence[Part]) -> tuple[bytes, int]:
    return b"".join([data for _, data, _ in parts]), sum([count for _, _, count in parts])
