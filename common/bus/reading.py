"""Reading many streams in one round trip, without blocking."""

from collections.abc import Mapping
from typing import NamedTuple

from common.bus import wire
from common.redis.link import Command, Link

MOST_ENTRIES = 8
"""Entries read from a stream in one round at most; a stream that had as many is read again."""


class Cursor(NamedTuple):
    """A stream, the partition its slot belongs to, and the id to read after."""

    partition: int
    key: bytes
    after: bytes


async def read_streams(
    link: Link, cursors: Mapping[int, Mapping[bytes, bytes]], most: int = MOST_ENTRIES
) -> list[tuple[bytes, list[wire.RawEntry]]]:
    """Return (key, new entries) of every stream that has any; `cursors`: group -> key -> after.

    There is one XREAD per group of partitions, see `Link.neighbours`: one in all on a single
    server, 64 pipelined ones in a cluster, each to its node. Waits as long as Redis is away.
    """
    replies = await link.insist([_xread(streams, most) for streams in cursors.values()])
    return [(key, entries) for reply in replies for key, entries in reply or ()]


def _xread(streams: Mapping[bytes, bytes], most: int) -> Command:
    return (b"XREAD", b"COUNT", most, b"STREAMS", *streams, *streams.values())
