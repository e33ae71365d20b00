"""What a real Redis answers about the workers, their work items and its memory."""

import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest

from common.bus import keys
from common.bus.offers import offer
from common.pipeline.record import pack
from common.pipeline.report import WorkerReport
from common.pipeline.stages import ALIGN, ASR, VAD
from common.redis.link import Link
from common.stage.assignments import Assignments
from gateway.admission.capacity import Capacity
from gateway.admission.workers import Workers
from tests.integration.common.stage.toy_stage import ToyWork

STAGES = (VAD, ASR, ALIGN)


@pytest.fixture
async def workers(link: Link) -> AsyncIterator[Workers]:
    """Workers of two stages, with room."""
    for stage in ("vad", "asr"):
        sign = pack(WorkerReport(at=0.0, slots=4, used=1, lag=0.01))
        await link.call("HSET", keys.workers(stage), "worker", sign)
    yield Workers(link, STAGES, Capacity(0.4))
    await link.call("CONFIG", "SET", "maxmemory", 0)


async def test_before_any_worker_has_ever_been_there_nothing_waits(workers: Workers):
    await workers.look()
    assert workers.refusal(1) is None
    assert workers.missing(STAGES) == ["align"]


async def test_work_items_count_as_waiting_until_a_worker_takes_them(
    workers: Workers, link: Link, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gateway.admission.workers._DEAD_AFTER", 1e9)
    assignments = Assignments(link, "asr", "worker", 60.0)
    await assignments.prepare()
    await link.evaluate([offer("asr", f"call.0/{n}", ToyWork()) for n in range(3)])
    (first, second) = await assignments.adopt(link, 2, 1)
    await assignments.release([(first.entry, first.key)])
    await workers.look()
    later = time.monotonic() + 2.5
    monkeypatch.setattr("gateway.admission.workers.time", SimpleNamespace(monotonic=lambda: later))
    await workers.look()
    refusal = workers.refusal(1)
    assert refusal is not None
    assert refusal.reason == "asr_backlog"
    (third,) = await assignments.adopt(link, 2, 1)
    await workers.look()
    assert workers.refusal(1) is None
    await assignments.release([(each.entry, each.key) for each in (second, third)])
    await workers.look()
    assert workers.refusal(1) is None


async def test_a_redis_that_is_nearly_full_is_noticed_and_one_without_a_limit_is_not(
    workers: Workers, link: Link
):
    info = await link.call("INFO", "memory")
    used = int(info.partition(b"used_memory:")[2].partition(b"\r")[0])
    seen = []
    for limit in (0, round(used / 0.96), 2 * used):
        await link.call("CONFIG", "SET", "maxmemory", limit)
        await workers.look()
        refusal = workers.refusal(1)
        seen.append((workers.flooded, refusal and refusal.reason, round(workers.memory, 1)))
    assert [each[:2] for each in seen] == [(False, None), (True, "redis_memory"), (False, None)]
    assert seen[0][2] == 0.0
    assert 0.9 <= seen[1][2] <= 1.1
    assert 0.4 <= seen[2][2] <= 0.6
