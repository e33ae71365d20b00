"""Reading every owned stream in one timed step.

A blocking XREAD over N keys pays O(N) on every wake and collapses at 2000 keys; a non-blocking one
per tick costs a third.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from common.bus import wire
from common.bus.keys import Leg
from common.bus.reading import MOST_ENTRIES, read_streams
from common.pipeline.streams import Stream
from common.pipeline.text import ITEM
from common.redis.link import Link
from common.redis.replies import pairs
from common.stage.api import Beside, Entry, Said, Slot, Source

S = TypeVar("S")


class News(NamedTuple, Generic[S]):
    """The result of one read of the streams of many slots."""

    entries: list[tuple[Slot[S], list[Entry]]]
    more: bool
    """Whether more is waiting."""
    unreadable: list[tuple[Slot[S], ValueError]]
    """Slots with an unreadable entry, such as one of another release."""


async def read(link: Link, slots: Collection[Slot[S]], most: int = MOST_ENTRIES) -> News[S]:
    """Read what is new in the slots' streams, up to `most` entries of each; move their cursors.

    Waits as long as Redis is away.
    """
    # This loop runs over every owned stream on every tick; most have nothing new.
    owners: dict[bytes, Slot[S]] = {}
    cursors: dict[int, dict[bytes, bytes]] = {}
    count = 0
    for slot in slots:
        cursors.setdefault(link.neighbours(slot.assignment.leg.partition), {}).update(slot.cursors)
        for key in slot.cursors:
            owners[key] = slot
            count += 1
    sharers = {} if count == len(owners) else _shared(slots, cursors)
    news: dict[Slot[S], list[Entry]] = {}
    unreadable: dict[Slot[S], ValueError] = {}
    more = False
    for key, entries in await read_streams(link, cursors, most):
        for slot in sharers.get(key) or (owners[key],):
            fresh = _after(slot.cursors[key], entries) if key in sharers else entries
            if fresh:
                slot.cursors[key] = fresh[-1][0]
                try:
                    news.setdefault(slot, []).extend(_decode(slot.streams[key], fresh))
                except ValueError as error:
                    unreadable[slot] = error
        more = more or len(entries) >= most
    for slot in unreadable:
        del news[slot]
    return News(list(news.items()), more, list(unreadable.items()))


def _shared(
    slots: Collection[Slot[S]], cursors: Mapping[int, dict[bytes, bytes]]
) -> dict[bytes, list[Slot[S]]]:
    """Return the owners of shared streams, and have these read from the hindmost cursor.

    One worker may own two utterances of a leg: one read serves both.
    """
    owners: dict[bytes, list[Slot[S]]] = {}
    for slot in slots:
        for key in slot.cursors:
            owners.setdefault(key, []).append(slot)
    sharers = {key: each for key, each in owners.items() if len(each) > 1}
    for streams in cursors.values():
        for key in streams.keys() & sharers.keys():
            streams[key] = min((slot.cursors[key] for slot in sharers[key]), key=wire.id_halves)
    return sharers


def _after(cursor: bytes, entries: Sequence[wire.RawEntry]) -> Sequence[wire.RawEntry]:
    last = wire.id_halves(cursor)
    return [entry for entry in entries if wire.id_halves(entry[0]) > last]


def _decode(source: Source, entries: Sequence[wire.RawEntry]) -> Iterable[Entry]:
    if isinstance(source, tuple):
        return _around(*source, entries)
    if (message := source.entries) is not None:
        events = (wire.read_owned(entry, message) for entry in entries)
        return [each for each in events if each is not None]
    return [wire.read_source(entry) for entry in entries]


def _around(leg: Leg, stream: Stream, entries: Sequence[wire.RawEntry]) -> Iterable[Entry]:
    """Return what entries of a leg's text or events tell the owner of another work item."""
    if (message := stream.entries) is not None:
        events = (wire.read_owned(entry, message) for entry in entries)
        return [Beside(leg.channel, each) for each in events if each is not None]
    # Words that come alone behind an item are none.
    items = ((entry[0], dict(pairs(entry[1])).get(wire.BODY_FIELD)) for entry in entries)
    return [
        Said(leg.channel, wire.id_halves(at)[0], ITEM.unpack(body))
        for at, body in items
        if body is not None
    ]
