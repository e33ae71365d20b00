"""The writer of all legs: one batch a tick, kept and repeated, and what Redis lost again."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from common.bus import wire
from common.bus.keys import Leg
from common.bus.wire import StreamId
from common.errors import Misuse, OtherServer
from common.pipeline.control import Flush
from common.pipeline.record import pack
from common.redis.link import Command, CommandError, Link, Part
from gateway.uplink.leg import LegUplink
from gateway.uplink.marks import Marks
from gateway.uplink.writer import Uplink
from tests.unit.gateway.stand_ins import commands

STALE = "ERR The ID specified in XADD is equal or smaller than the target stream top item"


class Heard:
    """What an uplink tells of its legs."""

    def __init__(self) -> None:
        self.written: list[int] = []
        self.superseded: list[int] = []
        self.deleted: list[int] = []

    def leg(self, channel: int = 0, start: int = 0, last: StreamId = wire.NOTHING) -> LegUplink:
        return LegUplink(
            *(Leg("s", channel), "owner"),
            start=start,
            last=last,
            stored=Marks(start),
            came=lambda _: None,
            on_written=lambda: self.written.append(channel),
            on_superseded=lambda: self.superseded.append(channel),
            on_deleted=lambda: self.deleted.append(channel),
        )


class Redis:
    """Stands in for the link: records batches and answers when allowed."""

    def __init__(self, *replies: object) -> None:
        self.batches: list[list[list[bytes]]] = []
        self.away = asyncio.Event()
        self.away.set()
        self.generation = 0
        self.last: StreamId | None = None
        self.owner: bytes | None = b"owner"
        self.deleted = False
        """Whether the streams are gone until they are begun again."""
        self._replies = replies

    async def insist_parts(
        self, parts: Sequence[Part], *, generation: int
    ) -> tuple[list[Any], bool]:
        batch = [command for _, data, _ in parts for command in commands(data)]
        assert len(batch) == sum(count for _, _, count in parts)
        self.batches.append(batch)
        await self.away.wait()
        if generation != self.generation:
            raise OtherServer("another one")
        if self.deleted and any(b"NOMKSTREAM" in command for command in batch):
            return [None] * len(batch), False
        self.deleted = False
        return [*self._replies] or [b"1-1"] * len(batch), False

    async def insist(self, asked: Sequence[Command]) -> list[object]:
        if asked[0][0] == "HGET":
            return [self.owner] * len(asked)
        assert all(command[:2] == ("XINFO", "STREAM") for command in asked)
        if self.last is None:
            return [CommandError("ERR no such key")] * len(asked)
        fact = [b"length", 3, b"last-generated-id", wire.entry_id(*self.last)]
        return [fact] * len(asked)

    @property
    def ids(self) -> list[list[bytes]]:
        return [[c[-3] for c in batch if c[0] == b"XADD"] for batch in self.batches]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
def heard() -> Heard:
    return Heard()


def running(redis: Redis) -> tuple[Uplink, "asyncio.Task[None]"]:
    uplink = Uplink(cast(Link, redis), period=0.001)
    return uplink, asyncio.create_task(uplink.run())


async def write(uplink: Uplink, leg: LegUplink) -> None:
    """Write a leg's first 50 samples."""
    uplink.add(leg)
    leg.audio(bytes(100))
    uplink.touch(leg)
    await uplink.settle(5)


async def test_one_batch_carries_all_legs(heard):
    redis = Redis()
    legs = [heard.leg(channel) for channel in range(3)]
    uplink, task = running(redis)
    for leg in legs:
        leg.audio(bytes(100))
        uplink.touch(leg)
    await uplink.settle(5)
    assert len(redis.batches) == 1
    assert heard.written == [0, 1, 2]
    assert [(leg.waiting, leg.written) for leg in legs] == [(0, 50)] * 3
    task.cancel()


async def test_while_redis_is_away_newer_audio_waits_in_its_leg(heard):
    redis, leg = Redis(), heard.leg()
    redis.away.clear()
    uplink, task = running(redis)
    leg.audio(bytes(100))
    uplink.touch(leg)
    await until(lambda: redis.batches)
    leg.audio(bytes(60))
    uplink.touch(leg)
    assert (leg.waiting, leg.written) == (160, 0)
    redis.away.set()
    await uplink.settle(5)
    assert (leg.waiting, leg.written) == (0, 80)
    assert redis.ids == [[b"50-1"], [b"80-1"]]
    task.cancel()


async def test_settling_gives_up_in_time(heard):
    redis, leg = Redis(), heard.leg()
    redis.away.clear()
    uplink, task = running(redis)
    leg.audio(bytes(100))
    uplink.touch(leg)
    await uplink.settle(0.01)
    assert leg.waiting == 100
    assert heard.written == []
    task.cancel()


@pytest.mark.parametrize(
    "replies",
    [
        (CommandError(STALE), 1),
        # As the first tick's transaction has it: MULTI, XADD, EXPIRE, EXEC.
        (b"OK", b"QUEUED", b"QUEUED", [CommandError(STALE), 1]),
    ],
)
async def test_what_redis_has_already_counts_as_written(heard, replies):
    leg = heard.leg()
    uplink, task = running(Redis(*replies, *[b"1-1"] * (4 - len(replies))))
    leg.audio(bytes(100))
    uplink.touch(leg)
    await uplink.settle(5)
    assert (leg.waiting, leg.written) == (0, 50)
    assert heard.superseded == []
    task.cancel()


@pytest.mark.parametrize(
    "replies",
    [
        (b"OK", b"QUEUED", b"QUEUED", CommandError("WRONGTYPE")),
        (b"OK", b"QUEUED", b"QUEUED", [CommandError("WRONGTYPE"), 1]),
    ],
)
async def test_any_other_refusal_is_a_bug_and_ends_the_uplink(heard, replies):
    leg = heard.leg()
    uplink, task = running(Redis(*replies))
    leg.audio(bytes(100))
    uplink.touch(leg)
    with pytest.raises(Misuse, match="WRONGTYPE"):
        await task


async def test_a_control_that_redis_refuses_tells_of_another_owner(heard):
    mine, theirs = heard.leg(0), heard.leg(1)
    replies = [b"OK", b"QUEUED", b"QUEUED", [b"1-1", 1]]
    refused = [b"OK", b"QUEUED", b"QUEUED", [-1, 1]]
    uplink, task = running(Redis(*replies, *refused))
    mine.audio(bytes(2))
    theirs.control(Flush())
    uplink.touch(mine)
    uplink.touch(theirs)
    await uplink.settle(5)
    assert heard.superseded == [1]
    task.cancel()


async def test_what_a_redis_that_came_back_older_does_not_have_is_written_again(heard):
    redis, leg, gone = Redis(), heard.leg(0), heard.leg(1)
    uplink, task = running(redis)
    uplink.add(leg)
    uplink.add(gone)
    uplink.remove(gone)
    for each in (leg, gone):
        each.audio(bytes(100))
        uplink.touch(each)
        await uplink.settle(5)
    leg.audio(bytes(100))
    uplink.touch(leg)
    await uplink.settle(5)
    redis.last = StreamId(50, 1)
    redis.batches.clear()
    redis.generation += 1
    await until(lambda: redis.batches)
    await uplink.settle(5)
    assert redis.ids == [[b"100-1"]]
    assert leg.waiting == 0
    task.cancel()


async def test_what_another_redis_lacks_comes_before_what_was_on_its_way(heard):
    redis, leg = Redis(), heard.leg()
    uplink, task = running(redis)
    await write(uplink, leg)
    redis.away.clear()
    leg.audio(bytes(100))
    uplink.touch(leg)
    await until(lambda: len(redis.batches) == 2)
    redis.generation += 1
    redis.batches.clear()
    redis.away.set()
    await until(lambda: redis.batches)
    await uplink.settle(5)
    assert redis.ids == [[b"50-1", b"100-1"]]
    assert (leg.waiting, leg.written) == (0, 100)
    task.cancel()


async def test_a_stream_that_was_deleted_is_made_again_with_what_is_kept(heard):
    redis, leg = Redis(), heard.leg()
    uplink, task = running(redis)
    await write(uplink, leg)
    redis.deleted = True
    redis.batches.clear()
    leg.audio(bytes(100))
    uplink.touch(leg)
    await uplink.settle(5)
    assert redis.ids == [[b"100-1"], [b"50-1", b"100-1"]]
    assert (leg.waiting, leg.written) == (0, 100)
    assert (heard.superseded, heard.deleted) == ([], [0])
    task.cancel()


@pytest.mark.parametrize("owner", [None, b"another"])
async def test_a_stream_of_a_call_that_is_over_or_anothers_is_not_made_again(heard, owner):
    redis, leg = Redis(), heard.leg()
    uplink, task = running(redis)
    await write(uplink, leg)
    redis.deleted, redis.owner = True, owner
    redis.batches.clear()
    leg.audio(bytes(100))
    uplink.touch(leg)
    await uplink.settle(5)
    assert redis.ids == [[b"100-1"]]
    assert (heard.superseded, heard.deleted) == ([0], [])
    task.cancel()


async def test_behind_a_control_the_next_batch_goes_on(heard):
    redis, leg = Redis(), heard.leg()
    uplink, task = running(redis)
    leg.control(Flush())
    leg.audio(bytes(100))
    uplink.touch(leg)
    await uplink.settle(5)
    assert [[command[0] for command in batch] for batch in redis.batches] == [
        [b"MULTI", b"EVAL", b"EXPIRE", b"EXEC"],
        [b"XADD"],
    ]
    assert heard.written == [0, 0]
    task.cancel()


async def test_what_a_redis_without_any_data_lost_is_written_again(heard):
    redis, leg = Redis(), heard.leg()
    uplink, task = running(redis)
    await write(uplink, leg)
    redis.batches.clear()
    redis.generation += 1
    await until(lambda: redis.batches)
    assert redis.ids == [[b"50-1"]]
    task.cancel()


async def test_a_control_that_redis_lost_is_written_again_where_no_audio_was_lost(heard):
    redis, leg = Redis(), heard.leg()
    uplink, task = running(redis)
    uplink.add(leg)
    leg.audio(bytes(100))
    leg.control(Flush())
    uplink.touch(leg)
    await uplink.settle(5)
    redis.last = StreamId(50, 1)
    redis.batches.clear()
    redis.generation += 1
    await until(lambda: redis.batches)
    await uplink.settle(5)
    ((_, control, *_),) = redis.batches
    assert control[0] == b"EVAL"
    assert control[8] == pack(Flush())
    task.cancel()


async def test_where_nothing_was_lost_the_next_batch_goes_on(heard):
    redis, leg = Redis(), heard.leg()
    uplink, task = running(redis)
    await write(uplink, leg)
    redis.last = StreamId(50, 1)
    redis.batches.clear()
    redis.generation += 1
    await until(lambda: redis.batches)
    await uplink.settle(5)
    leg.audio(bytes(100))
    uplink.touch(leg)
    await uplink.settle(5)
    assert [ids for ids in redis.ids if ids] == [[b"100-1"]]
    task.cancel()
