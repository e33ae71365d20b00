"""Who is found at work on a Redis: live processes of other wire versions, and nobody else."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgpack
import pytest

from common.bus import keys
from common.bus.releases import RELEASE, Strangers, refuse_beside_strangers
from common.errors import BusUnavailable, Incompatible
from common.pipeline.record import WIRE_VERSION
from common.redis.link import Link

LATER = WIRE_VERSION + 1


async def beat(link: Link, wire: int, kind: str, release: str = "") -> None:
    body = {"at": time.time(), "v": wire} | ({"release": release} if release else {})
    key = keys.workers(kind, wire)
    await link.call("HSET", key, f"{kind}-1", msgpack.packb(body))
    # Nobody forgets workers of that wire version here.
    await link.call("EXPIRE", key, 60)


@asynccontextmanager
async def beating(link: Link, wire: int, kind: str, release: str = "") -> AsyncIterator[None]:
    async def for_ever() -> None:
        while True:
            await beat(link, wire, kind, release)
            await asyncio.sleep(0.1)

    await beat(link, wire, kind, release)
    task = asyncio.create_task(for_ever())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_empty_redis_refuses_nobody(link: Link):
    await refuse_beside_strangers(link)


@pytest.mark.parametrize("kind", ["gateway", "denoise", "vad", "asr", "align"])
async def test_a_process_of_the_release_before_is_named(link: Link, kind: str):
    async with beating(link, 1, kind):
        with pytest.raises(Incompatible) as refused:
            await refuse_beside_strangers(link)
    assert str(refused.value) == (
        f"this is release {RELEASE} (wire version {WIRE_VERSION}), and this Redis has"
        f" 1 {kind} of wire version 1; end them first (docs/upgrade.md)"
    )


async def test_nobody_starts_while_redis_cannot_say_who_is_there(link: Link):
    await link.call("SET", keys.workers("vad", LATER), "no reports", "EX", 60)
    with pytest.raises(BusUnavailable, match="heartbeats cannot be read: WRONGTYPE"):
        await refuse_beside_strangers(link)


async def test_a_process_of_a_later_release_is_named(link: Link):
    async with beating(link, LATER, "asr", "9.1.0"):
        with pytest.raises(
            Incompatible, match=rf"has 1 asr of release 9\.1\.0 \(wire version {LATER}\); end"
        ):
            await refuse_beside_strangers(link)


async def test_processes_of_the_same_wire_version_work_together(link: Link):
    async with beating(link, WIRE_VERSION, "vad", "0.0.1"):
        await refuse_beside_strangers(link)


async def test_what_a_process_left_that_died_refuses_nobody(link: Link):
    await beat(link, 1, "vad")
    await refuse_beside_strangers(link)


async def test_strangers_that_die_are_no_longer_found(link: Link):
    strangers = Strangers(link)
    async with beating(link, 1, "vad"):
        assert await strangers.look() == []  # the first look cannot tell
        await asyncio.sleep(0.2)
        assert [each.kind for each in await strangers.look()] == ["vad"]
    await strangers.look()
    assert await strangers.look() == []
    assert strangers.suspected
