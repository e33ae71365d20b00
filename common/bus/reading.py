"""Reading many streams in one round trip, without blocking."""

from collections.abc import Mapping
from typing import NamedTuple

from common.bus import wire
from common.redis.link import Command, Link

MOST_ENTRIES = 8
"""Entries read of one stream at once, at most; one that had as many is worth reading again."""


class Cursor(NamedTuple):
    """A stream, the partition its slot belongs to, and the id to read after."""

    partition: int
    key: bytes
    after: bytes


async def read_streams(
    link: Link, cursors: Mapping[int, Mapping[bytes, bytes]], most: int = MOST_ENTRIES
) -> list[tuple[bytes, list[wire.RawEntry]]]:
    """Return (key, new entries) of every stream that has any; `cursors`: group -> key -> after.

    One XREAD per group of partitions, see `Link.neighbours`: on one server that is one in all, in
    a cluster 64 pipelined ones, of which each finds its node. Waits as long as Redis is away.
    """
    replies = await link.insist([_xread(streams, most) for streams in cursors.values()])
    return [(key, entries) for reply in replies for key, entries in reply or ()]


def _xread(streams: Mapping[bytes, bytes], most: int) -> Command:
    return (b"XREAD", b"COUNT", most, b"STREAMS", *streams, *streams.values())
