"""Reading every owned stream in one timed step.

A blocking XREAD over N keys pays O(N) on every wake and collapses at 2000 keys; a non-blocking one
per tick costs a third.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from common.bus import wire
from common.bus.link import Link
from common.bus.reading import MOST_ENTRIES, Cursor, read_streams
from common.stage.api import Entry, Slot

S = TypeVar("S")
News = list[tuple[Slot[S], list[Entry]]]


async def read(link: Link, slots: Iterable[Slot[S]]) -> tuple[News[S], bool]:
    """Read what is new in the slots' streams and move their cursors.

    Returns the slots that have news with their entries, and whether more is waiting.
    Waits as long as Redis is away.
    """
    owners: dict[bytes, list[Slot[S]]] = {}
    cursors: dict[bytes, Cursor] = {}
    for slot in slots:
        for key, after in slot.cursors.items():
            # Two utterances of a leg may be owned at once: one read serves both.
            if sharers := owners.setdefault(key, []):
                after = min(after, cursors[key].after, key=wire.id_halves)
            sharers.append(slot)
            cursors[key] = Cursor(slot.claim.leg.partition, key, after)
    news: dict[Slot[S], list[Entry]] = {}
    more = False
    for key, entries in await read_streams(link, cursors.values()):
        sharers = owners[key]
        for slot in sharers:
            fresh = entries if len(sharers) == 1 else _after(slot.cursors[key], entries)
            if fresh:
                slot.cursors[key] = fresh[-1][0]
                news.setdefault(slot, []).extend(_decode(key, fresh))
        more = more or len(entries) >= MOST_ENTRIES
    return list(news.items()), more


def _after(cursor: bytes, entries: Sequence[wire.RawEntry]) -> Sequence[wire.RawEntry]:
    last = wire.id_halves(cursor)
    return [entry for entry in entries if wire.id_halves(entry[0]) > last]


def _decode(key: bytes, entries: Sequence[wire.RawEntry]) -> Iterable[Entry]:
    if key.endswith(b":speech"):
        return filter(None, map(wire.read_happening, entries))
    return map(wire.read_source, entries)
