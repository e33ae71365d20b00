import asyncio
from collections.abc import Callable
from typing import Any, cast

import hiredis
import pytest

from common.bus import keys, wire
from common.bus.keys import Leg
from common.bus.link import CommandError, Link
from common.errors import Misuse
from gateway.uplink import LegUplink, Uplink

LEG = Leg("s", 1)


def commands(data: bytes, count: int) -> list[list[bytes]]:
    """Decode RESP back into commands; there are exactly `count`."""
    reader = hiredis.Reader()
    reader.feed(data)
    decoded = [reader.gets() for _ in range(count)]
    assert reader.gets() is False
    return cast(list[list[bytes]], decoded)


def entries(leg: LegUplink) -> list[tuple[bytes, bytes, bytes]]:
    """Take what waits, as (id, field, value) of its XADDs."""
    return [(c[2], c[3], c[4]) for c in commands(*leg.take()) if c[0] == b"XADD"]


@pytest.fixture
def leg() -> LegUplink:
    return LegUplink(LEG)


def test_audio_of_a_tick_is_one_entry_named_by_where_it_ends(leg):
    leg.audio(b"\x01\x00" * 100)
    leg.audio(b"\x02\x00" * 60)
    assert entries(leg) == [(b"160-1", b"a", b"\x01\x00" * 100 + b"\x02\x00" * 60)]
    leg.audio(b"\x03\x00" * 40)
    assert entries(leg) == [(b"200-1", b"a", b"\x03\x00" * 40)]
    assert leg.position == 200


def test_controls_follow_the_audio_before_them_each_with_its_order(leg):
    leg.audio(bytes(200))
    leg.control({"t": "flush"})
    leg.control({"t": "config"})
    leg.audio(bytes(20))
    leg.control({"t": "end"})
    found = [(i, field) for i, field, _ in entries(leg)]
    assert found == [
        (b"100-1", b"a"),
        (b"100-2", b"c"),
        (b"100-3", b"c"),
        (b"110-1", b"a"),
        (b"110-2", b"c"),
    ]


def test_controls_at_one_place_keep_counting_over_ticks(leg):
    leg.control({"t": "flush"})
    assert [i for i, _, _ in entries(leg)] == [b"0-2"]
    leg.control({"t": "end"})
    assert [i for i, _, _ in entries(leg)] == [b"0-3"]


def test_a_control_carries_its_body(leg):
    leg.control({"t": "config", "options": {"words": True}})
    ((_, _, body),) = entries(leg)
    assert wire.unpack(body) == {"t": "config", "options": {"words": True}, "v": wire.WIRE_VERSION}


def test_the_stream_gets_its_ttl_with_the_first_entry(leg):
    leg.audio(bytes(2))
    first = commands(*leg.take())
    assert first[-1] == [b"EXPIRE", LEG.key("audio"), b"%d" % keys.SESSION_TTL]
    leg.audio(bytes(2))
    assert [c[0] for c in commands(*leg.take())] == [b"XADD"]


def test_nothing_waiting_is_no_command(leg):
    assert leg.take() == (b"", 0)


def test_controls_count_as_waiting_too(leg):
    leg.audio(bytes(100))
    assert leg.waiting == 100
    leg.control({"t": "flush"})
    assert leg.waiting > 100


class Redis:
    """Stands in for the link: records batches and answers when it is let."""

    def __init__(self, reply: object = b"1-1") -> None:
        self.batches: list[list[list[bytes]]] = []
        self.away = asyncio.Event()
        self.away.set()
        self._reply = reply

    async def insist_sending(self, data: bytes, count: int) -> tuple[list[Any], bool]:
        self.batches.append(commands(data, count))
        await self.away.wait()
        return [self._reply] * count, False


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def running(redis: Redis) -> tuple[Uplink, "asyncio.Task[None]"]:
    uplink = Uplink(cast(Link, redis), period=0.001)
    return uplink, asyncio.create_task(uplink.run())


async def test_one_batch_carries_all_legs():
    redis = Redis()
    legs = [LegUplink(Leg("s", channel)) for channel in range(3)]
    relieved: list[LegUplink] = []
    uplink, task = running(redis)
    for leg in legs:
        leg.audio(bytes(100))
        uplink.touch(leg, lambda leg=leg: relieved.append(leg))  # type: ignore[misc]
    await uplink.settle(5)
    assert len(redis.batches) == 1
    assert relieved == legs
    assert [leg.waiting for leg in legs] == [0, 0, 0]
    task.cancel()


async def test_while_redis_is_away_newer_audio_waits_in_its_leg(leg):
    redis = Redis()
    redis.away.clear()
    uplink, task = running(redis)
    leg.audio(bytes(100))
    uplink.touch(leg, lambda: None)
    await until(lambda: redis.batches)
    leg.audio(bytes(60))
    uplink.touch(leg, lambda: None)
    assert leg.waiting == 160
    redis.away.set()
    await uplink.settle(5)
    assert leg.waiting == 0
    assert [[c[2] for c in batch if c[0] == b"XADD"] for batch in redis.batches] == [
        [b"50-1"],
        [b"80-1"],
    ]
    task.cancel()


async def test_settling_gives_up_in_time(leg):
    redis = Redis()
    redis.away.clear()
    uplink, task = running(redis)
    leg.audio(bytes(100))
    uplink.touch(leg, lambda: None)
    await uplink.settle(0.01)
    assert leg.waiting == 100
    task.cancel()


async def test_what_redis_has_already_counts_as_written(leg):
    stale = "The ID specified in XADD is equal or smaller than the target stream top item"
    uplink, task = running(Redis(CommandError(f"ERR {stale}")))
    leg.audio(bytes(100))
    uplink.touch(leg, lambda: None)
    await uplink.settle(5)
    assert leg.waiting == 0
    task.cancel()


async def test_any_other_refusal_is_a_bug_and_ends_the_uplink(leg):
    uplink, task = running(Redis(CommandError("WRONGTYPE")))
    leg.audio(bytes(100))
    uplink.touch(leg, lambda: None)
    with pytest.raises(Misuse, match="WRONGTYPE"):
        await task
