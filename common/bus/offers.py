"""Offering work items to a stage: how work enters the system, and whether it is still there."""

import time
from collections.abc import Sequence

from common.bus import commands, keys, scripts, wire
from common.pipeline.record import pack
from common.pipeline.work import WorkItem
from common.redis.link import Link, ScriptCall


def offer(stage: str, key: str, item: WorkItem, **late: bytes) -> ScriptCall:
    """Return the call that offers work item `key` to a stage, once even if repeated.

    It carries the wall-clock time of the offer, for the queue-wait metric only. `late`: fields
    whose values are known only now.
    """
    return offer_packed(stage, key, pack(item, offered=time.time(), **late))


def offer_packed(stage: str, key: str, item: bytes) -> ScriptCall:
    """Return the same call for an item as it was packed for an earlier offer."""
    return (scripts.OFFER, (keys.work_items(stage), keys.index(stage)), (key, item))


async def missing(link: Link, items: Sequence[tuple[str, str]]) -> list[bool]:
    """Tell of each work item, given as (stage, key), whether Redis has none: done, or lost.

    If the stream of a stage was lost and not its index, all its items are missing. Waits as long
    as Redis is away.
    """
    entries = await link.insist([commands.entry_of(*item) for item in items])
    oldest: dict[str, tuple[bytes, str]] = {}
    for (stage, key), entry in zip(items, entries, strict=True):
        if isinstance(entry, bytes) and (
            stage not in oldest or wire.id_halves(entry) < wire.id_halves(oldest[stage][0])
        ):
            oldest[stage] = entry, key
    emptied = await _without_streams(link, oldest)
    return [
        not isinstance(entry, bytes) or stage in emptied
        for (stage, _), entry in zip(items, entries, strict=True)
    ]


async def _without_streams(link: Link, indexed: dict[str, tuple[bytes, str]]) -> set[str]:
    """Return the stages whose index names an entry that the stream does not have.

    The index is asked again after the stream: an item that ended in between is in neither.
    """
    found = await link.insist(
        [commands.entry_at(keys.work_items(stage), entry) for stage, (entry, _) in indexed.items()]
    )
    suspects = {
        stage: at for (stage, at), there in zip(indexed.items(), found, strict=True) if not there
    }
    again = await link.insist(
        [commands.entry_of(stage, key) for stage, (_, key) in suspects.items()]
    )
    return {
        stage
        for (stage, (entry, _)), now in zip(suspects.items(), again, strict=True)
        if now == entry
    }
