"""Ownership of work items: one consumer group over a stage's stream of work items.

Reading `>` adopts a work item, the pending entry is the ownership, reading one's own pending
entries renews the lease, and XAUTOCLAIM after the lease takes over. The renewal resets the idle
time of exactly the entries that this consumer still owns, and cannot take one back. XCLAIM can
(measured: 700 duplicate events after one pause).
"""

from collections.abc import Container, Sequence
from typing import NamedTuple

from common.bus import keys, scripts, wire
from common.bus.consumer import Consumer
from common.redis.link import Argument, CommandRefused, Link
from common.redis.replies import pairs

_LONG_IDLE_MS = 3_600_000


class Delivery(NamedTuple):
    """An entry of the stream of work items that this consumer owns, with its packed work item."""

    entry: bytes
    key: str
    raw: bytes


class Assignments:
    """This worker's view of a stage's work items.

    Every method raises BusUnavailable when Redis is away.
    """

    def __init__(self, link: Link, stage: str, consumer: str, lease: float) -> None:
        self._link = link
        self._consumer = Consumer(stage, consumer)
        self._assignments = (keys.work_items(stage), keys.index(stage))
        self._lease_ms = round(lease * 1000)

    async def prepare(self) -> None:
        """Create the group, and forget consumers that left long ago with nothing pending."""
        try:
            await self._link.call(*self._consumer.create_group())
        except CommandRefused as refused:
            if "BUSYGROUP" not in str(refused):
                raise
        for record in await self._link.call(*self._consumer.members()):
            member = dict(pairs(record))
            if member[b"pending"] == 0 and member[b"idle"] > _LONG_IDLE_MS:
                await self._link.call(*self._consumer.expel(member[b"name"]))

    async def adopt(self, reader: Link, count: int, block_ms: int) -> list[Delivery]:
        """Adopt up to `count` new work items; `reader` blocks up to `block_ms` for the first."""
        reply = await reader.read_blocking(block_ms, *self._consumer.read_new(count))
        return self._deliveries(reply[0][1]) if reply else []

    async def renew(self, known: Container[bytes]) -> tuple[set[bytes], list[Delivery]]:
        """Renew every work item that this consumer still owns in Redis.

        Returns the entries of all of them, and the contents of those that are not `known`.
        """
        reply = await self._link.call(*self._consumer.read_own())
        entries = reply[0][1] if reply else []
        # A work item released by another owner is still pending here, without its fields.
        gone = [entry for entry, fields in entries if not fields]
        if gone:
            await self._link.call(*self._consumer.acknowledge(gone))
        unknown = [(entry, fields) for entry, fields in entries if entry not in known]
        return {entry for entry, fields in entries if fields}, self._deliveries(unknown)

    async def take_over(self, count: int) -> list[Delivery]:
        """Adopt up to `count` work items whose owner has not renewed them for a lease."""
        adopted: list[Delivery] = []
        cursor = b"0-0"
        # One XAUTOCLAIM looks at ten times its COUNT only, even if none of those is idle.
        while len(adopted) < count:
            command = self._consumer.take_over(self._lease_ms, cursor, count - len(adopted))
            reply = await self._link.call(*command)
            cursor = reply[0]
            adopted += self._deliveries(reply[1])
            if cursor == b"0-0":
                break
        return adopted

    async def release(
        self, finished: Sequence[tuple[bytes, str]], *, generation: int | None = None
    ) -> None:
        """Remove finished work items, given as (entry, key). Idempotent.

        Waits as long as Redis is away; `generation`: see `Link.insist`.
        """
        if finished:
            each: list[Argument] = [field for assignment in finished for field in assignment]
            call = (scripts.RELEASE, self._assignments, (self._consumer.stage, *each))
            await self._link.evaluate([call], generation=generation)

    async def hand_over(self, entries: Sequence[bytes]) -> None:
        """Let any other worker take these work items at its next scan: no lease to wait for."""
        if entries:
            await self._link.call(*self._consumer.age(entries, self._lease_ms * 10))

    @staticmethod
    def _deliveries(entries: Sequence[wire.RawEntry]) -> list[Delivery]:
        return [_delivery(entry, fields) for entry, fields in entries if fields]


def _delivery(entry: bytes, fields: wire.Fields) -> Delivery:
    values = dict(pairs(fields))
    return Delivery(entry, values[wire.KEY_FIELD].decode(), values[wire.BODY_FIELD])
