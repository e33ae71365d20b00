"""Ownership of claims: one consumer group over a stage's claims stream.

Reading `>` adopts a claim, the pending entry is the ownership, reading one's own pending entries
renews the lease, and XAUTOCLAIM after the lease takes over. The renewal resets the idle time of
exactly the entries that this consumer still owns, and cannot take one back. XCLAIM can (measured:
700 duplicate events after one pause).
"""

from collections.abc import Container, Sequence
from typing import NamedTuple

from common.bus import keys, scripts, wire
from common.bus.consumer import Consumer
from common.redis.link import Argument, CommandRefused, Link

_LONG_IDLE_MS = 3_600_000


class Assignment(NamedTuple):
    """An entry of the claims stream that this consumer owns, with its packed work item."""

    entry: bytes
    key: str
    raw: bytes


class Claims:
    """This worker's view of a stage's claims.

    Every method raises BusUnavailable when Redis is away.
    """

    def __init__(self, link: Link, stage: str, consumer: str, lease: float) -> None:
        self._link = link
        self._consumer = Consumer(stage, consumer)
        self._claims = (keys.claims(stage), keys.index(stage))
        self._lease_ms = round(lease * 1000)

    async def prepare(self) -> None:
        """Create the group, and forget consumers that left long ago with nothing pending."""
        try:
            await self._link.call(*self._consumer.create_group())
        except CommandRefused as refused:
            if "BUSYGROUP" not in str(refused):
                raise
        for record in await self._link.call(*self._consumer.members()):
            member = dict(zip(record[::2], record[1::2], strict=True))
            if member[b"pending"] == 0 and member[b"idle"] > _LONG_IDLE_MS:
                await self._link.call(*self._consumer.expel(member[b"name"]))

    async def take(self, reader: Link, count: int, block_ms: int) -> list[Assignment]:
        """Adopt up to `count` new claims, waiting `block_ms` for the first; `reader` will block."""
        reply = await reader.read_blocking(block_ms, *self._consumer.read_new(count))
        return self._assignments(reply[0][1]) if reply else []

    async def renew(self, known: Container[bytes]) -> tuple[set[bytes], list[Assignment]]:
        """Renew every claim that this consumer still owns in Redis.

        Returns the entries of all of them, and the contents of those that are not `known`.
        """
        reply = await self._link.call(*self._consumer.read_own())
        entries = reply[0][1] if reply else []
        # A claim released by another owner is still pending here, without its fields.
        gone = [entry for entry, fields in entries if not fields]
        if gone:
            await self._link.call(*self._consumer.acknowledge(gone))
        unknown = [(entry, fields) for entry, fields in entries if entry not in known]
        return {entry for entry, fields in entries if fields}, self._assignments(unknown)

    async def take_over(self, count: int) -> list[Assignment]:
        """Take up to `count` claims whose owner has not renewed them for a lease."""
        taken: list[Assignment] = []
        cursor = b"0-0"
        # One XAUTOCLAIM looks at ten times its COUNT only, even if none of those is idle.
        while len(taken) < count:
            command = self._consumer.take_idle(self._lease_ms, cursor, count - len(taken))
            reply = await self._link.call(*command)
            cursor = reply[0]
            taken += self._assignments(reply[1])
            if cursor == b"0-0":
                break
        return taken

    async def release(
        self, finished: Sequence[tuple[bytes, str]], *, generation: int | None = None
    ) -> None:
        """Remove finished claims, given as (entry, key). Idempotent.

        Waits as long as Redis is away; `generation`: see `Link.insist`.
        """
        if finished:
            each: list[Argument] = [field for claim in finished for field in claim]
            call = (scripts.RELEASE, self._claims, (self._consumer.stage, *each))
            await self._link.evaluate([call], generation=generation)

    async def hand_over(self, entries: Sequence[bytes]) -> None:
        """Let any other worker take these claims at its next scan: no lease to wait for."""
        if entries:
            await self._link.call(*self._consumer.age(entries, self._lease_ms * 10))

    @staticmethod
    def _assignments(entries: Sequence[wire.RawEntry]) -> list[Assignment]:
        return [_assignment(entry, fields) for entry, fields in entries if fields]


def _assignment(entry: bytes, fields: wire.Fields) -> Assignment:
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    return Assignment(entry, values[wire.KEY_FIELD].decode(), values[wire.BODY_FIELD])
