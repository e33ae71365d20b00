"""What a gateway takes for lost: no flush that VAD has heard, whoever owns the leg by then."""

import time
from typing import Any, cast

import pytest

from common.bus import wire
from common.bus.keys import Leg
from common.pipeline.control import Flush
from common.pipeline.progress import Progress
from common.pipeline.record import pack
from common.pipeline.stages import VAD
from common.pipeline.stream_ids import StreamId
from common.pipeline.streams import AUDIO, CHECKPOINT
from common.redis.link import Link
from gateway.calls.lost_work import LostWork
from gateway.uplink.intake import Flushed

LEG = Leg("session", 0)
AT = StreamId(16_000, 2)


async def checkpoint(link: Link, entry: str, *fields: bytes) -> None:
    key = LEG.key(CHECKPOINT.of(VAD.name))
    await link.insist([("XADD", key, entry, *fields), ("EXPIRE", key, 60)])


async def heard_until(link: Link, entry: str, position: int) -> None:
    progress = pack(Progress(StreamId(position, 2)))
    await checkpoint(link, entry, wire.BODY_FIELD, b"", wire.HEAD_FIELD, progress)


async def fate(link: Link) -> str:
    lost = LostWork(link, cast(Any, None), [])
    (found,) = await lost._fates(LEG, [Flushed(AT, time.monotonic())])
    return found.name


async def written(link: Link) -> None:
    key = LEG.key(AUDIO)
    await link.insist(
        [("XADD", key, wire.entry_id(*AT), wire.CONTROL_FIELD, pack(Flush())), ("EXPIRE", key, 60)]
    )


@pytest.mark.parametrize(("position", "expected"), [(16_000, "HEARD"), (15_999, "GONE")])
async def test_a_new_owners_marker_hides_no_checkpoint(link: Link, position: int, expected: str):
    await heard_until(link, "1-2", position)
    assert await fate(link) == expected
    for epoch in (2, 3):
        await checkpoint(link, f"{epoch}-1", wire.OWNER_FIELD, b"a worker")
        assert await fate(link) == expected


async def test_a_flush_is_gone_where_nothing_is_known_of_it_and_else_waits(link: Link):
    assert await fate(link) == "GONE"
    await checkpoint(link, "1-1", wire.OWNER_FIELD, b"a worker")
    assert await fate(link) == "WAITS", "until its owner has told how far it has heard"
    await heard_until(link, "1-2", 0)
    assert await fate(link) == "GONE"
    await written(link)
    assert await fate(link) == "WAITS"
