"""Offering work items to a stage: how work enters the system."""

import time

from common.bus import keys, scripts
from common.pipeline.record import pack
from common.pipeline.work import WorkItem
from common.redis.link import ScriptCall


def offer(stage: str, key: str, item: WorkItem, **late: bytes) -> ScriptCall:
    """Return the call that offers work item `key` to a stage, once even if repeated.

    It carries the wall-clock time of the offer, for the queue-wait metric only. `late`: fields
    whose values are known only now.
    """
    return offer_packed(stage, key, pack(item, offered=time.time(), **late))


def offer_packed(stage: str, key: str, item: bytes) -> ScriptCall:
    """Return the same call for an item as it was packed for an earlier offer."""
    return (scripts.OFFER, (keys.work_items(stage), keys.index(stage)), (key, item))
