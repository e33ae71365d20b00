"""What the ASR stage counts; what it does is tests/contract/test_stage.py."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from asr_worker.api import Hypothesis, Usage
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from common.bus.keys import Leg
from common.bus.wire import NOTHING, Chunk
from common.options import SessionOptions
from common.stage.api import Claim, Recovery
from common.telemetry.metrics import AsrMetrics

BODY = {
    **{"utterance": 1, "source": "audio", "start": 0, "after": b"0-0", "gateway": "gw"},
    **{"options": SessionOptions().to_wire(), "align": False},
}


class StandIn:
    """Answers with what it was made with."""

    name = "stand-in"
    concurrency = 1

    def __init__(self, usage):
        self.usage = usage

    async def start(self):
        pass

    async def decode(self, request):
        return Hypothesis("hello", "English", usage=self.usage)

    async def watch(self):
        await asyncio.Event().wait()

    async def close(self):
        pass


@pytest.mark.parametrize(
    ("usage", "counted"),
    [(Usage(prompt=90, cached=64, generated=5), [90, 64, 5]), (None, [None] * 3)],
)
async def test_the_tokens_of_a_decode_are_counted_where_the_engine_counts_them(usage, counted):
    registry = CollectorRegistry()
    stage = AsrStage(AsrSettings(), StandIn(usage), AsrMetrics.build(registry))
    woken: asyncio.Queue[object] = asyncio.Queue()
    await stage.start(woken.put_nowait)
    claim = Claim("s.0/1", Leg("s", 0), BODY, b"1-0", 1)
    state = stage.open(claim, Recovery(None, NOTHING))
    await stage.step([(state, [Chunk(16_000, bytes(32_000))])])
    assert await woken.get() is state
    tokens = [
        registry.get_sample_value("callscribe_decode_tokens_total", {"kind": kind})
        for kind in ("prompt", "cached", "generated")
    ]
    assert tokens == counted
    priority = {"priority": "first_partial"}
    assert registry.get_sample_value("callscribe_decode_seconds_count", priority) == 1
    stage.close(state)
    await stage.stop()
