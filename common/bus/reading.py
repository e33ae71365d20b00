"""Reading many streams in one round trip, without blocking."""

from collections.abc import Mapping
from typing import NamedTuple

from common.bus import wire
from common.redis.link import Command, Link

MOST_ENTRIES = 8
"""Entries read from a stream in one round at most; a stream that had as many is read again."""


class Cursor(NamedTuple):
    """A stream, the partition its slot belongs to, and the id to read after.

    `whole`: everything is read in one round. What two such streams hold is then known as of one
    moment: of entries that are numbered across both, none is missing below one that was read.
    """

    partition: int
    key: bytes
    after: bytes
    whole: bool = False


async def read_streams(
    link: Link,
    cursors: Mapping[int, Mapping[bytes, bytes]],
    most: int = MOST_ENTRIES,
    *,
    whole: Mapping[int, Mapping[bytes, bytes]] | None = None,
) -> list[tuple[bytes, list[wire.RawEntry]]]:
    """Return (key, new entries) of every stream that has any; `cursors`: group -> key -> after.

    Of the streams in `whole` all entries are read, before those of the others; see `Cursor`.

    There is one XREAD per group of partitions, see `Link.neighbours`: one in all on a single
    server, 64 pipelined ones in a cluster, each to its node. Waits as long as Redis is away.
    """
    reads = [_xread(streams, None) for streams in (whole or {}).values()]
    reads += [_xread(streams, most) for streams in cursors.values()]
    replies = await link.insist(reads)
    return [(key, entries) for reply in replies for key, entries in reply or ()]


def _xread(streams: Mapping[bytes, bytes], most: int | None) -> Command:
    count = () if most is None else (b"COUNT", most)
    return (b"XREAD", *count, b"STREAMS", *streams, *streams.values())
