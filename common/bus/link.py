"""One pipelined connection to Redis that heals itself.

redis-py costs 4-7 times as much per command on the paths every audio frame takes (bus table in
ARCHITECTURE.md), so the bus writes RESP itself and parses replies with hiredis.
"""

import asyncio
import random
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias, cast

import hiredis

from common.bus.address import Address
from common.bus.scripts import Script
from common.errors import BusUnavailable, CallscribeError, Misuse
from common.telemetry.logs import Log
from common.telemetry.metrics import BusMetrics

Argument: TypeAlias = bytes | str | int | float
Command: TypeAlias = tuple[Argument, ...]
Reply: TypeAlias = Any
ScriptCall: TypeAlias = tuple[Script, Sequence[bytes], Sequence[Argument]]
"""A script, its keys and its arguments."""
CommandError: TypeAlias = hiredis.ReplyError
"""Redis's refusal of one command; `run` returns it in that command's place."""

REPLY_TIMEOUT = 5.0
"""Seconds after which an unanswered batch condemns the connection: a half-open socket is silent."""

_BACKOFF_FIRST, _BACKOFF_MOST = 0.05, 1.0
_PASSING = (
    "OOM",
    "LOADING",
    "READONLY",
    "MISCONF",
    "BUSY",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "NOREPLICAS",
    "UNBLOCKED",
)

_log = Log(__name__)


def encode(commands: Sequence[Command]) -> bytes:
    """Encode commands as RESP, ready for `Link.send`."""
    # hiredis declares a one-element tuple; it takes any length.
    return b"".join([hiredis.pack_command(command) for command in commands])  # type: ignore[arg-type]


class CommandRefused(CallscribeError):
    """Redis answered a command with an error.

    `passing`: it would have carried the command out if it were well; it may be repeated as it is.
    """

    def __init__(self, command: Command, refusal: hiredis.ReplyError) -> None:
        super().__init__(f"{command[0]!s}: {refusal}")
        self.passing = _is_passing(refusal)


def backoff() -> Iterator[float]:
    """Yield pauses in seconds: doubling from 50 ms to 1 s, jittered over their upper half."""
    pause = _BACKOFF_FIRST
    while True:
        yield pause * random.uniform(0.5, 1.0)
        pause = min(pause * 2, _BACKOFF_MOST)


class _Batch:
    """Commands in flight together and the replies they have so far."""

    __slots__ = ("count", "deadline", "replies", "waiter")

    def __init__(self, count: int, deadline: float, waiter: asyncio.Future[list[Reply]]) -> None:
        self.count = count
        self.deadline = deadline
        self.waiter = waiter
        self.replies: list[Reply] = []


class _Wire(asyncio.Protocol):
    """The socket: replies are matched to batches in the order they were sent."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.batches: deque[_Batch] = deque()
        self.lost = asyncio.Event()
        self._reader = hiredis.Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio.Transport by interface, not by inheritance.
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        for batch in self.batches:
            if not batch.waiter.done():
                batch.waiter.set_exception(BusUnavailable("the connection to Redis broke"))
        self.batches.clear()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while self.batches:
            batch = self.batches[0]
            while len(batch.replies) < batch.count:
                reply = self._reader.gets()
                if reply is False:
                    return
                batch.replies.append(reply)
            self.batches.popleft()
            if not batch.waiter.done():
                batch.waiter.set_result(batch.replies)

    def send(self, data: bytes, count: int, timeout: float) -> asyncio.Future[list[Reply]]:
        if self.transport is None or self.lost.is_set():
            raise BusUnavailable("not connected to Redis")
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[list[Reply]] = loop.create_future()
        self.batches.append(_Batch(count, loop.time() + timeout, waiter))
        self.transport.write(data)
        return waiter

    def expire(self, now: float) -> None:
        """Condemn the connection when its oldest batch is overdue."""
        if self.batches and self.batches[0].deadline < now:
            self.abort()

    def abort(self) -> None:
        """Close the socket, if there is one, without waiting for anything."""
        if self.transport is not None:
            self.transport.abort()


class Link:
    """A connection that reconnects by itself; share it between tasks freely.

    Batches are pipelined and answered in order. A blocking command blocks the batches behind it,
    so a reader that blocks has a link of its own. Cancelling a call leaves the connection usable:
    its replies are read and dropped. What was sent may still take effect.
    """

    def __init__(self, address: Address, name: str, metrics: BusMetrics | None = None) -> None:
        self._address = address
        self._name = name
        self._metrics = metrics
        self._wire: _Wire | None = None
        self._connected = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Connect once and keep connected from then on.

        Raises BusUnavailable when Redis does not answer now: at start an operator wants to know.
        """
        self._wire = await self._dial()
        self._connected.set()
        self._keeper = asyncio.create_task(self._keep(), name=f"link:{self._name}")

    async def close(self) -> None:
        """Close for good; batches in flight fail with BusUnavailable."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._wire is not None and self._wire.transport is not None:
            self._wire.transport.close()
            await self._wire.lost.wait()

    @property
    def connected(self) -> bool:
        """Whether a batch sent now would reach a socket."""
        return self._wire is not None and not self._wire.lost.is_set()

    async def wait_connected(self) -> None:
        """Wait until there is a connection again."""
        if not self.connected:
            # The keeper may not know yet; returning now would let a retry spin before it learns.
            self._connected.clear()
            await self._connected.wait()

    async def send(self, data: bytes, count: int, *, timeout: float = REPLY_TIMEOUT) -> list[Reply]:
        """Send `count` RESP-encoded commands; return their replies, errors in their places.

        Raises BusUnavailable when there is no connection or it breaks before the last reply.
        """
        if not count:
            return []
        if self._wire is None:
            raise BusUnavailable("not connected to Redis")
        return await self._wire.send(data, count, timeout)

    async def run(
        self, commands: Sequence[Command], *, timeout: float = REPLY_TIMEOUT
    ) -> list[Reply]:
        """Run commands as one pipeline; see `send`."""
        return await self.send(encode(commands), len(commands), timeout=timeout)

    async def insist(self, commands: Sequence[Command]) -> list[Reply]:
        """Run commands that may safely be repeated until Redis has carried them out or refused."""
        return (await self.insist_noting(commands))[0]

    async def insist_noting(self, commands: Sequence[Command]) -> tuple[list[Reply], bool]:
        """Like `insist`; also tell whether they were sent more than once."""
        return await self.insist_sending(encode(commands), len(commands))

    async def insist_sending(self, data: bytes, count: int) -> tuple[list[Reply], bool]:
        """Like `insist_noting`, for commands encoded already."""
        repeated = False
        for pause in backoff():
            try:
                replies = await self.send(data, count)
            except BusUnavailable:
                await self.wait_connected()
            else:
                if not any(map(_is_passing, replies)):
                    return replies, repeated
                self._count("refused")
                await asyncio.sleep(pause)
            repeated = True
        raise AssertionError("the back-off never ends")

    async def call(self, *command: Argument, timeout: float = REPLY_TIMEOUT) -> Reply:
        """Run one command; CommandRefused when Redis refuses it."""
        (reply,) = await self.run([command], timeout=timeout)
        if isinstance(reply, hiredis.ReplyError):
            raise CommandRefused(command, reply)
        return reply

    async def read_blocking(
        self, milliseconds: int, before: Command, after: Command
    ) -> list[tuple[bytes, list[Any]]]:
        """Run ``before BLOCK ms after`` (XREAD, XREADGROUP); an empty list when nothing came.

        A refusal that will pass counts as nothing and takes as long.
        """
        pause = milliseconds / 1000
        try:
            reply = await self.call(
                *before, b"BLOCK", milliseconds, *after, timeout=REPLY_TIMEOUT + pause
            )
        except CommandRefused as refused:
            if not refused.passing:
                raise
            self._count("refused")
            await asyncio.sleep(pause)
            return []
        return [] if reply is None else reply

    async def evaluate(
        self, calls: Sequence[ScriptCall], then: Sequence[Command] = ()
    ) -> list[Reply]:
        """Run idempotent scripts as one pipeline, teaching Redis those it does not know.

        `then` follows in the same pipeline, after the scripts; its replies are not returned.
        Repeated until answered, like `insist`. Misuse when a script fails: that is a bug.
        """
        replies = await self.insist([*(_evalsha(*call) for call in calls), *then])
        del replies[len(calls) :]
        missing = [i for i, reply in enumerate(replies) if _unknown_script(reply)]
        if missing:
            again = await self.insist([*(_eval(*calls[i]) for i in missing), *then])
            for i, reply in zip(missing, again, strict=False):
                replies[i] = reply
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                raise Misuse(f"a bus script failed: {reply}")
        return replies

    def _count(self, kind: str) -> None:
        if self._metrics is not None:
            self._metrics.errors.labels(kind).inc()

    async def _dial(self) -> _Wire:
        wire = _Wire()
        try:
            await self._greet(wire)
        except BaseException:
            # Whatever ends the attempt, its socket goes: a frozen server would collect them.
            wire.abort()
            raise
        return wire

    async def _greet(self, wire: _Wire) -> None:
        """Connect and introduce this client; BusUnavailable names the address and the reason."""
        address = self._address
        try:
            async with asyncio.timeout(REPLY_TIMEOUT):
                await self._open_socket(wire)
                replies = await wire.send(*_handshake(address, self._name), REPLY_TIMEOUT)
        except (OSError, TimeoutError, BusUnavailable) as error:
            self._count("connect")
            reason = str(error) or "no answer"
            raise BusUnavailable(f"no Redis at {address}: {reason}") from error
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                self._count("refused")
                raise BusUnavailable(f"Redis at {address} refuses the connection: {reply}")

    async def _open_socket(self, wire: _Wire) -> None:
        address = self._address
        loop = asyncio.get_running_loop()
        if address.path is not None:
            await loop.create_unix_connection(lambda: wire, address.path)
        else:
            await loop.create_connection(lambda: wire, address.host, address.port, ssl=address.tls)

    async def _keep(self) -> None:
        while True:
            assert self._wire is not None
            await self._watch(self._wire)
            self._connected.clear()
            self._count("lost")
            _log.warning("redis.lost", link=self._name, address=str(self._address))
            for pause in backoff():
                try:
                    self._wire = await self._dial()
                except BusUnavailable:
                    await asyncio.sleep(pause)
                else:
                    break
            self._connected.set()
            _log.info("redis.back", link=self._name)

    @staticmethod
    async def _watch(wire: _Wire) -> None:
        loop = asyncio.get_running_loop()
        while not wire.lost.is_set():
            try:
                async with asyncio.timeout(REPLY_TIMEOUT / 10):
                    await wire.lost.wait()
            except TimeoutError:
                wire.expire(loop.time())


def _handshake(address: Address, name: str) -> tuple[bytes, int]:
    commands: list[Command] = []
    if address.password is not None:
        user = (address.username,) if address.username else ()
        commands.append(("AUTH", *user, address.password))
    commands.append(("CLIENT", "SETNAME", name))
    if address.db:
        commands.append(("SELECT", address.db))
    commands.append(("PING",))
    return encode(commands), len(commands)


def _evalsha(script: Script, keys: Sequence[bytes], arguments: Sequence[Argument]) -> Command:
    return ("EVALSHA", script.digest, len(keys), *keys, *arguments)


def _eval(script: Script, keys: Sequence[bytes], arguments: Sequence[Argument]) -> Command:
    return ("EVAL", script.source, len(keys), *keys, *arguments)


def _is_passing(reply: Reply) -> bool:
    """Tell a refusal that a healthy server would not give: full, loading, failing over."""
    return isinstance(reply, hiredis.ReplyError) and str(reply).partition(" ")[0] in _PASSING


def _unknown_script(reply: Reply) -> bool:
    return isinstance(reply, hiredis.ReplyError) and str(reply).startswith("NOSCRIPT")
