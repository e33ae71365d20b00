"""Redis frozen, cut, full, busy, emptied, restarted: workers survive it and lose nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis

from common.bus import keys
from common.errors import BusUnavailable
from common.redis.address import Address
from common.redis.link import CommandError, Link
from tests.integration.common.server import Server
from tests.integration.common.stage.toy import (
    BRISK,
    PATIENT,
    Call,
    ToyWorkers,
    calls,
    finish,
    nothing_left,
    owned,
    speaking,
)
from tests.integration.conftest import wait_until

LONG = 2 * BRISK.lease_s
"""Long enough for every lease to run out."""


@pytest.fixture
async def own_workers(server: Server) -> AsyncIterator[ToyWorkers]:
    """Workers on `server`."""
    workers = ToyWorkers(server.url)
    yield workers
    await workers.end()


async def two_workers(workers, link):
    started = [
        await workers.add(slots=3, settings=BRISK),
        await workers.add(slots=3, settings=BRISK),
    ]
    made = await calls(link, 4)
    await wait_until(lambda: len(owned(*started)) == 4, "all are adopted")
    return started, made


async def new_calls_work(link, name="new"):
    call = Call(link, name)
    await call.open()
    await call.say(5000)
    await finish(call)


async def test_one_worker_goes_on_after_a_freeze_longer_than_its_lease(
    server, own_link, own_workers
):
    worker = await own_workers.add(settings=BRISK)
    made = await calls(own_link, 3)
    await wait_until(lambda: len(worker.owned) == 3, "it owns them")
    async with speaking(*made):
        await wait_until(lambda: made[0].position > 5000, "they speak")
        server.freeze()
        await asyncio.sleep(LONG)
        server.thaw()
    await finish(*made)
    await nothing_left(own_link)
    assert len(worker.stage.opened) == 3, "nothing had to be taken over"


async def test_redis_may_go_the_moment_a_worker_is_ready(server, own_link, own_workers):
    worker = await own_workers.add(settings=BRISK)
    server.stop()
    await wait_until(lambda: not own_link.connected, "it is gone")
    await asyncio.sleep(0.1)
    assert worker.died() == []
    server.start()
    await own_link.wait_connected()
    await new_calls_work(own_link)


async def test_a_missing_right_at_the_end_still_stops_the_engine(server, own_link, own_workers):
    worker = await own_workers.add(settings=PATIENT)
    await wait_until(lambda: server.client.hlen(keys.workers("toy")) == 1, "it is known")
    server.client.acl_setuser("default", commands=["-hdel"])
    await worker.drain()
    assert worker.stage.stopped
    assert server.client.hlen(keys.workers("toy")) == 1, "it could not be taken out"


async def test_two_workers_sort_it_out_after_a_freeze(server, own_link, own_workers):
    started, made = await two_workers(own_workers, own_link)
    async with speaking(*made):
        for _ in range(2):
            server.freeze()
            await asyncio.sleep(LONG)
            server.thaw()
            await asyncio.sleep(0.2)
    await finish(*made)
    await nothing_left(own_link)
    await wait_until(lambda: owned(*started) == [], "their workers know it")


async def test_connections_that_are_cut_again_and_again_cost_nothing(server, own_link, own_workers):
    _, made = await two_workers(own_workers, own_link)
    async with speaking(*made):
        for _ in range(5):
            await asyncio.sleep(0.1)
            await asyncio.to_thread(server.client.client_kill_filter, _type="normal", skipme=True)
    await finish(*made)
    await nothing_left(own_link)


async def test_a_restart_with_its_data_costs_nothing(tmp_path):
    with Server(tmp_path, "--appendfsync", "always", aof=True) as server:
        link = Link(Address.parse(server.url), "own")
        await link.connect()
        workers = ToyWorkers(server.url)
        _, made = await two_workers(workers, link)
        async with speaking(*made):
            await asyncio.sleep(0.2)
            server.stop()
            await asyncio.sleep(LONG)
            server.start()
        await finish(*made)
        await nothing_left(link)
        await workers.end()
        await link.close()


async def test_a_restart_without_its_data_leaves_workers_for_new_calls(
    server, own_link, own_workers
):
    started, _ = await two_workers(own_workers, own_link)
    server.stop()
    server.start()
    await new_calls_work(own_link)
    await wait_until(lambda: owned(*started) == [], "what is lost is let go")


async def test_a_flush_in_mid_call_leaves_workers_for_new_calls(server, own_link, own_workers):
    started, made = await two_workers(own_workers, own_link)
    async with speaking(*made):
        await wait_until(lambda: made[0].position > 5000, "they speak")
        await own_link.call("FLUSHALL")
        await wait_until(lambda: owned(*started) == [], "what is lost is let go")
    await new_calls_work(own_link)
    await own_link.call("FLUSHALL")
    await new_calls_work(own_link, "newer")


async def test_a_flush_during_a_step_leaves_nothing_behind(server, own_link, own_workers):
    worker = await own_workers.add(settings=BRISK)
    (call,) = await calls(own_link, 1)
    await wait_until(lambda: worker.owned, "it owns it")
    worker.stage.gate.clear()
    await call.say(5000)
    await wait_until(lambda: worker.stage.held, "a step is under way")
    await own_link.call("FLUSHALL")
    worker.stage.gate.set()
    await wait_until(lambda: not worker.owned, "it was refused")
    await new_calls_work(own_link)


async def test_an_emptied_server_that_has_no_room_is_waited_for(server, own_link, own_workers):
    started, _ = await two_workers(own_workers, own_link)
    server.fill()
    await own_link.call("FLUSHALL")
    await asyncio.sleep(LONG)
    assert [worker.died() for worker in started] == [[], []]
    server.make_room()
    await new_calls_work(own_link)


async def test_a_worker_that_a_full_server_holds_up_is_not_restarted_for_that(
    server, own_link, own_workers, monkeypatch
):
    monkeypatch.setattr("common.stage.runner._STUCK_AFTER", 0.3)
    worker = await own_workers.add(settings=BRISK)
    (call,) = await calls(own_link, 1)
    async with speaking(call):
        await wait_until(lambda: call.position > 5000, "it speaks")
        await asyncio.to_thread(server.fill)
        await wait_until(lambda: worker.runner._link.refusal, "its writes are refused")
        await asyncio.sleep(1.0)
        assert worker.runner.live() is None
        await asyncio.to_thread(server.make_room)
    await finish(call)
    await nothing_left(own_link)


async def test_a_worker_that_starts_while_there_is_no_room_begins_when_there_is(
    server, own_link, own_workers
):
    await asyncio.to_thread(server.fill)
    starting = asyncio.create_task(own_workers.add(settings=BRISK))
    await asyncio.sleep(0.5)
    assert not starting.done()
    await asyncio.to_thread(server.make_room)
    await starting
    await new_calls_work(own_link)


async def test_a_full_server_is_waited_for(server, own_link, own_workers):
    started, made = await two_workers(own_workers, own_link)
    async with speaking(*made):
        await wait_until(lambda: made[0].position > 5000, "they speak")
        await asyncio.to_thread(server.fill)
        await asyncio.sleep(LONG)
        assert [worker.died() for worker in started] == [[], []]
        await asyncio.to_thread(server.make_room)
    await finish(*made)
    await nothing_left(own_link)


async def test_a_work_item_taken_while_there_is_no_room_is_begun_when_there_is(
    server, own_link, own_workers
):
    (call,) = await calls(own_link, 1)
    await call.say(5000)
    await call.control("end")
    server.fill()
    starting = asyncio.create_task(own_workers.add(settings=BRISK))
    server.make_room()
    worker = await starting
    server.fill()
    late = Call(own_link, "late")
    opening = asyncio.create_task(late.open())
    await asyncio.sleep(0.5)
    assert worker.died() == []
    server.make_room()
    await opening
    await finish(late)
    await call.complete()
    await nothing_left(own_link)


async def test_a_busy_server_is_waited_for(server, own_link, own_workers):
    started, made = await two_workers(own_workers, own_link)
    server.client.config_set("busy-reply-threshold", 10)

    def occupy() -> None:
        with pytest.raises(redis.ResponseError, match=r"(?i)killed"):
            server.client.eval("while true do end", 0)

    occupying = asyncio.create_task(asyncio.to_thread(occupy))
    async with speaking(*made):
        while not isinstance((await own_link.run([("GET", "x")]))[0], CommandError):
            await asyncio.sleep(0.005)
        await asyncio.sleep(LONG)
        assert [worker.died() for worker in started] == [[], []]
        assert await own_link.run([("SCRIPT", "KILL")]) == [b"OK"]
        await occupying
    await finish(*made)
    await nothing_left(own_link)


async def test_a_worker_starts_only_when_redis_is_there(server, own_workers):
    server.stop()
    with pytest.raises(BusUnavailable, match=f"127.0.0.1:{server.port}"):
        await own_workers.add("early")
    own_workers.started.clear()
    server.start()


async def test_a_drain_while_redis_is_away_ends_at_its_deadline(server, own_link, own_workers):
    worker = await own_workers.add(settings=BRISK)
    await calls(own_link, 1)
    await wait_until(lambda: worker.owned, "it owns it")
    server.stop()
    await wait_until(lambda: worker.runner.ready() == "Redis is away", "it has noticed")
    assert worker.runner.live() is None
    with pytest.raises(TimeoutError):
        await worker.drain(deadline=0.3)
    server.start()
