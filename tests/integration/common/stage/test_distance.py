"""A worker far from Redis, and the lag that it reports."""

from bench.far import far_away
from common.bus import keys
from common.pipeline.report import WORKER_REPORT
from tests.integration.common.stage.toy import BRISK, Call, calls, finish, nothing_left, speaking
from tests.integration.conftest import wait_until

RTT = 0.1


async def reported(link) -> float:
    """Return the lag in the report of the only worker."""
    _, report = await link.call("HGETALL", keys.workers("toy"))
    return WORKER_REPORT.unpack(report).lag


async def lags(link, at_least: float) -> None:
    while await reported(link) < at_least:
        pass


async def lags_no_more(link) -> None:
    while await reported(link):
        pass


async def reads(link) -> int:
    """Return how often Redis was asked for new entries since the last reset."""
    line = next(
        each
        for each in (await link.call("INFO", "commandstats")).split(b"\r\n")
        if each.startswith(b"cmdstat_xread:")
    )
    return int(line.partition(b"calls=")[2].partition(b",")[0])


async def test_a_far_worker_reads_what_waits_in_few_round_trips(link, redis_server, workers):
    (call,) = await calls(link, 1)
    for _ in range(20):
        await call.say(16_000)
    waiting = await link.call("XLEN", call.leg.key("audio"))
    assert waiting > 800
    await link.call("CONFIG", "RESETSTAT")
    async with far_away(redis_server.port, RTT) as port:
        worker = await workers.add(port=port)
        await call.complete()
        assert await reads(link) < waiting / 20
        await finish(call)
        await nothing_left(link)
        await worker.drain()


async def test_lag_is_how_old_the_newest_audio_is_when_it_was_handled(link, redis_server, workers):
    """At least the way there and back, whatever the worker does."""
    (call,) = await calls(link, 1)
    call.live = True
    async with far_away(redis_server.port, RTT) as port:
        worker = await workers.add(port=port, settings=BRISK)
        async with speaking(call, pause=0.01):
            await lags(link, RTT)
        await call.complete()
        await lags_no_more(link)
        await finish(call)
        await worker.drain()


async def test_audio_that_is_not_live_may_wait(link, workers):
    """A recording is read when there is time for it."""
    worker = await workers.add(settings=BRISK)
    (call,) = await calls(link, 1)
    worker.stage.gate.clear()
    await call.say(50_000)
    await wait_until(lambda: worker.stage.held, "a step is under way")
    before = worker.runner._lag.worst(1e12)
    worker.stage.gate.set()
    await finish(call)
    assert before == 0.0


async def test_audio_in_a_step_that_lasts_counts(link, workers):
    worker = await workers.add(settings=BRISK)
    (call,) = await calls(link, 1)
    await wait_until(lambda: worker.owned, "it owns it")
    call.live = True
    worker.stage.gate.clear()
    await call.say(5000)
    await wait_until(lambda: worker.stage.held, "a step is under way")
    lag, now = worker.runner._lag, worker.runner._clock.now()
    assert now is not None
    assert lag.worst(now + 60) >= 60
    worker.stage.gate.set()
    await call.complete()
    await wait_until(lambda: lag.worst(now + 600) < 60, "it is handled")
    await finish(call)


async def test_what_waited_for_an_owner_is_not_its_owners_lag(link, workers):
    call = Call(link, "late")
    await call.open()
    call.live = True
    await call.say(16_000)
    stamps = await link.call("XRANGE", call.leg.key("audio"), "-", "+")
    await link.call("UNLINK", call.leg.key("audio"))
    for entry, fields in stamps:
        await link.call("XADD", call.leg.key("audio"), entry, *fields[:3], b"1000")
    await link.call("EXPIRE", call.leg.key("audio"), 60)
    worker = await workers.add(settings=BRISK)
    await call.complete()
    assert worker.runner._lag.worst(None) < 1e6
    await finish(call)
