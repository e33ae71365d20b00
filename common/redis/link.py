"""The public client: it runs commands, and reconnects and repeats by itself."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from common.errors import CallscribeError, Misuse
from common.redis.address import Address
from common.redis.cluster import Cluster
from common.redis.connection import REPLY_TIMEOUT, Connection
from common.redis.refusals import Refusals
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

    `passing`: the cause is temporary; the command may be repeated as it is.
    """

    def __init__(self, command: Command, refusal: CommandError) -> None:
        super().__init__(f"{command[0]!s}: {refusal}")
        self.passing = is_passing(refusal)


class _Servers(Protocol):
    """One server or a cluster."""

    in_order: bool
    """Whether the commands of a batch take effect in order even if their slots differ."""

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
    async def everywhere(self, command: Command) -> list[Reply]: ...
    async def insist(
        self, parts: Sequence[Part], generation: int | None
    ) -> tuple[list[Reply], bool]: ...


class Link:
    """A connection, restored by itself, to the server or cluster at an address; tasks may share it.

    Batches are pipelined and answered in order. A blocking command blocks the batches behind it,
    so a blocking reader has a link of its own. Cancelling a call leaves the connection usable: its
    replies are read and dropped. Commands that were sent may still take effect.

    The keys of one command share a slot. In a cluster the commands of a batch take effect in order
    within a slot, in any order between slots.

    `refusals`: what is refused is noted there, as by the other links of the process.
    """

    def __init__(
        self,
        address: Address,
        name: str,
        metrics: BusMetrics | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self._refusals = refusals or Refusals(metrics)
        kind = Cluster if address.nodes else Connection
        self._servers: _Servers = kind(address, name, metrics, self._refusals)

    @property
    def generation(self) -> int:
        """Rises when a server was replaced or restarted: it may lack acknowledged writes.

        In a cluster it also rises when a slot moved to another node.
        """
        return self._servers.generation

    async def connect(self) -> None:
        """Connect once and keep connected from then on.

        Raises BusUnavailable when Redis does not answer now, so that a start fails visibly.
        """
        await self._servers.connect()

    async def close(self) -> None:
        """Close, and do not reconnect; batches in flight fail with BusUnavailable."""
        await self._servers.close()

    def abort(self) -> None:
        """Drop the connection immediately; it reconnects as after any other failure."""
        self._servers.abort()

    @property
    def connected(self) -> bool:
        """Whether a batch sent now would reach a socket, for every server."""
        return self._servers.connected

    @property
    def refusal(self) -> str | None:
        """Say that Redis refuses writes for now, and why; None while it does not."""
        return self._refusals.reason

    async def wait_connected(self) -> None:
        """Wait until there is a connection again, to every server."""
        await self._servers.wait_connected()

    @property
    def in_order(self) -> bool:
        """Whether the commands of a batch take effect in order even if their slots differ."""
        return self._servers.in_order

    def neighbours(self, tag: int) -> int:
        """Return the group of a hash tag: one command may have keys with all tags of a group.

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
        """Run repeatable commands until Redis has executed or refused them.

        With `generation`, raises OtherServer as soon as the link's is another; commands that were
        not sent before are then not sent at all.
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

    async def everywhere(self, command: Command) -> list[Reply]:
        """Run a command that has no key on every server; return the replies of those reached.

        Raises BusUnavailable when the only server cannot be reached.
        """
        return await self._servers.everywhere(command)

    async def call(self, *command: Argument, timeout: float = REPLY_TIMEOUT) -> Reply:
        """Run one command; CommandRefused if Redis refuses it."""
        (reply,) = await self.run([command], timeout=timeout)
        if isinstance(reply, CommandError):
            raise CommandRefused(command, reply)
        return reply

    async def read_blocking(
        self, milliseconds: int, before: Command, after: Command
    ) -> list[tuple[bytes, list[Any]]]:
        """Run ``before BLOCK ms after`` (XREAD, XREADGROUP); an empty list if nothing came.

        A temporary refusal counts as nothing, and takes as long.
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
        """Run idempotent scripts as one pipeline, and load those that Redis does not know.

        `then` takes effect after the scripts, in the same pipeline where there is one server; its
        replies are not returned.
        It repeats until answered, and treats `generation`, like `insist`. A script that fails is a
        bug: Misuse.
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
