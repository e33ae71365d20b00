"""The client as others see it: commands go in, replies come out, whatever breaks."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from common.errors import CallscribeError, Misuse
from common.redis.address import Address
from common.redis.cluster import Cluster
from common.redis.connection import REPLY_TIMEOUT, Connection
from common.redis.resp import Argument, Command, CommandError, Part, Reply, encode, is_passing
from common.redis.script import ScriptCall, by_digest, by_source
from common.telemetry.metrics import BusMetrics

__all__ = [
    "Argument",
    "Command",
    "CommandError",
    "CommandRefused",
    "Link",
    "Part",
    "Reply",
    "ScriptCall",
    "encode",
]


class CommandRefused(CallscribeError):
    """Redis answered a command with an error.

    `passing`: it would have carried the command out if it were well; it may be repeated as it is.
    """

    def __init__(self, command: Command, refusal: CommandError) -> None:
        super().__init__(f"{command[0]!s}: {refusal}")
        self.passing = is_passing(refusal)


class _Servers(Protocol):
    """One server or many: whatever parts can be sent to."""

    in_order: bool
    """Whether commands of a batch take effect in their order even if they share no slot."""

    @property
    def generation(self) -> int: ...
    @property
    def connected(self) -> bool: ...
    async def connect(self) -> None: ...
    async def close(self) -> None: ...
    async def wait_connected(self) -> None: ...
    def abort(self) -> None: ...
    def parts(self, commands: Sequence[Command]) -> list[Part]: ...
    async def run(self, parts: Sequence[Part], timeout: float) -> list[Reply]: ...
    async def insist(
        self, parts: Sequence[Part], generation: int | None
    ) -> tuple[list[Reply], bool]: ...


class Link:
    """A connection that heals by itself to whatever the address names; tasks may share it freely.

    Batches are pipelined and answered in order. A blocking command blocks the batches behind it,
    so a reader that blocks has a link of its own. Cancelling a call leaves the connection usable:
    its replies are read and dropped. What was sent may still take effect.

    The keys of one command share a slot. In a cluster commands of a batch take effect in their
    order if their slot is the same, and those of other slots beside them.
    """

    def __init__(self, address: Address, name: str, metrics: BusMetrics | None = None) -> None:
        self._servers: _Servers = (Cluster if address.nodes else Connection)(address, name, metrics)

    @property
    def generation(self) -> int:
        """Rises when a server is found in another's place: it may lack what was acknowledged.

        So does a restart, and in a cluster a slot that moved to another node.
        """
        return self._servers.generation

    async def connect(self) -> None:
        """Connect once and keep connected from then on.

        Raises BusUnavailable when Redis does not answer now: at start an operator wants to know.
        """
        await self._servers.connect()

    async def close(self) -> None:
        """Close for good; batches in flight fail with BusUnavailable."""
        await self._servers.close()

    def abort(self) -> None:
        """Break the connection at once; it heals as after any other break."""
        self._servers.abort()

    @property
    def connected(self) -> bool:
        """Whether a batch sent now would reach a socket, to whichever server it goes."""
        return self._servers.connected

    async def wait_connected(self) -> None:
        """Wait until there is a connection again, to every server."""
        await self._servers.wait_connected()

    def neighbours(self, tag: int) -> int:
        """Return the group of a hash tag: one command may have keys of all tags in a group.

        On one server all tags are one group, in a cluster each tag is a group of its own.
        """
        return 0 if self._servers.in_order else tag

    async def run(
        self, commands: Sequence[Command], *, timeout: float = REPLY_TIMEOUT
    ) -> list[Reply]:
        """Run commands as one pipeline; return their replies, errors in their places.

        Raises BusUnavailable when there is no connection or it breaks before the last reply.
        """
        return await self._servers.run(self._servers.parts(commands), timeout)

    async def insist(
        self, commands: Sequence[Command], *, generation: int | None = None
    ) -> list[Reply]:
        """Run commands that may safely be repeated until Redis has carried them out or refused.

        With `generation`, only as long as this is the link's: else OtherServer, and what was not
        sent before is not sent any more.
        """
        parts = self._servers.parts(commands)
        return (await self._servers.insist(parts, generation))[0]

    async def insist_parts(
        self, parts: Sequence[Part], *, generation: int | None = None
    ) -> tuple[list[Reply], bool]:
        """Like `insist`, for commands encoded already; the replies of all parts in order.

        Also tells whether anything was sent more than once.

        A part is repeated as a whole, so a transaction is one part. `generation`: see `insist`.
        """
        return await self._servers.insist(parts, generation)

    async def call(self, *command: Argument, timeout: float = REPLY_TIMEOUT) -> Reply:
        """Run one command; CommandRefused when Redis refuses it."""
        (reply,) = await self.run([command], timeout=timeout)
        if isinstance(reply, CommandError):
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
            await asyncio.sleep(pause)
            return []
        return [] if reply is None else reply

    async def evaluate(
        self,
        calls: Sequence[ScriptCall],
        then: Sequence[Command] = (),
        *,
        generation: int | None = None,
    ) -> list[Reply]:
        """Run idempotent scripts as one pipeline, teaching Redis those it does not know.

        `then` takes effect after the scripts, in the same pipeline where there is one server; its
        replies are not returned.
        Repeated until answered, and `generation`, like `insist`. Misuse when a script fails: that
        is a bug.
        """
        hints = then if self._servers.in_order else ()
        first = [*(by_digest(*call) for call in calls), *hints]
        replies = await self.insist(first, generation=generation)
        del replies[len(calls) :]
        missing = [i for i, reply in enumerate(replies) if _unknown_script(reply)]
        if missing:
            second = [*(by_source(*calls[i]) for i in missing), *hints]
            again = await self.insist(second, generation=generation)
            for i, reply in zip(missing, again, strict=False):
                replies[i] = reply
        for reply in replies:
            if isinstance(reply, CommandError):
                raise Misuse(f"a script failed: {reply}")
        if then and not hints:
            await self.insist(then)
        return replies


def _unknown_script(reply: Reply) -> bool:
    return isinstance(reply, CommandError) and str(reply).startswith("NOSCRIPT")
