"""Reading many streams in one round trip, without blocking."""

from collections.abc import Iterable
from typing import NamedTuple

from common.bus import wire
from common.bus.keys import PARTITIONS
from common.bus.link import Command, Link

MOST_ENTRIES = 64
"""Entries read of one stream at once; a stream that had as many is worth reading again."""


class Cursor(NamedTuple):
    """A stream, the partition its slot belongs to, and the id to read after."""

    partition: int
    key: bytes
    after: bytes


async def read_streams(
    link: Link, cursors: Iterable[Cursor]
) -> list[tuple[bytes, list[wire.RawEntry]]]:
    """Return (key, new entries) of every stream that has any.

    One XREAD per partition, pipelined, so that it also works where partitions lie on different
    nodes; measured as cheap as a single XREAD for 64 partitions. Waits as long as Redis is away.
    """
    partitions: list[list[Cursor]] = [[] for _ in range(PARTITIONS)]
    for cursor in cursors:
        partitions[cursor.partition].append(cursor)
    replies = await link.insist([_xread(group) for group in partitions if group])
    return [(key, entries) for reply in replies for key, entries in reply or ()]


def _xread(cursors: list[Cursor]) -> Command:
    _, streams, ids = zip(*cursors, strict=True)
    return (b"XREAD", b"COUNT", MOST_ENTRIES, b"STREAMS", *streams, *ids)
