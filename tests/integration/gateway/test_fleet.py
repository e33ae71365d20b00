"""What a real Redis says of the workers, of their claims and of itself."""

import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from common.bus import keys, wire
from common.bus.link import Link
from common.bus.offers import register
from common.stage.claims import Claims
from gateway.capacity import Capacity
from gateway.fleet import Fleet

STAGES = ("vad", "asr", "align")


@pytest.fixture
async def fleet(link: Link) -> AsyncIterator[Fleet]:
    """Workers of two stages, with room."""
    for stage in ("vad", "asr"):
        sign = wire.pack({"at": 0.0, "slots": 4, "used": 1, "lag": 0.01})
        await link.call("HSET", keys.workers(stage), "worker", sign)
    yield Fleet(link, STAGES, Capacity(0.4))
    await link.call("CONFIG", "SET", "maxmemory", 0)


async def test_before_any_worker_has_ever_been_there_nothing_waits(fleet: Fleet):
    await fleet.look()
    assert fleet.refusal(1) is None
    assert fleet.missing(STAGES) == ["align"]


async def test_claims_count_as_waiting_until_a_worker_takes_them(
    fleet: Fleet, link: Link, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.fleet._DEAD_AFTER", 1e9)
    claims = Claims(link, "asr", "worker", 60.0)
    await claims.prepare()
    await link.evaluate([register("asr", f"call.0/{n}", {}) for n in range(3)])
    (first, second) = await claims.take(link, 2, 1)
    await claims.release([(first.entry, first.key)])
    await fleet.look()
    later = time.monotonic() + 2.5
    monkeypatch.setattr("gateway.fleet.time", SimpleNamespace(monotonic=lambda: later))
    await fleet.look()
    refusal = fleet.refusal(1)
    assert refusal is not None
    assert refusal.reason == "asr_backlog"
    (third,) = await claims.take(link, 2, 1)
    await fleet.look()
    assert fleet.refusal(1) is None
    await claims.release([(each.entry, each.key) for each in (second, third)])
    await fleet.look()
    assert fleet.refusal(1) is None


async def test_a_redis_that_is_nearly_full_is_noticed_and_one_without_a_limit_is_not(
    fleet: Fleet, link: Link
):
    info = await link.call("INFO", "memory")
    used = int(info.partition(b"used_memory:")[2].partition(b"\r")[0])
    seen = []
    for limit in (0, round(used / 0.96), 2 * used):
        await link.call("CONFIG", "SET", "maxmemory", limit)
        await fleet.look()
        refusal = fleet.refusal(1)
        seen.append((fleet.flooded, refusal and refusal.reason))
    assert seen == [(False, None), (True, "redis_memory"), (False, None)]
