"""Spans are made after the call, one call after another, and never at a call's cost."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from common.bus import keys
from common.pipeline.text import Final
from common.redis.link import Command, Link
from common.telemetry.metrics import GatewayMetrics, new_registry
from gateway.protocols.tracing import Parent
from gateway.record import CallSpan
from gateway.spans.description import Described
from gateway.spans.recorder import SpanRecorder
from tests.unit.gateway.readers.stored import Redis, final
from tests.unit.gateway.readers.test_trace import SENT
from tests.unit.gateway.spans.examples import RECORD, SPAN


class Exporting:
    """Stands in for the exporter: it keeps what it gets."""

    def __init__(self) -> None:
        self.sent: list[Described] = []
        self.closed = False
        self.parents: list[Parent | None] = []

    def choose(self, parent: Parent | None) -> CallSpan | None:
        self.parents.append(parent)
        return SPAN if parent else None

    def send(self, span: CallSpan, spans: Sequence[Described]) -> None:
        assert span == SPAN
        self.sent += spans

    async def close(self, seconds: float) -> None:
        assert seconds >= 0
        self.closed = True


class Rig:
    def __init__(self, redis: Redis | None = None) -> None:
        self.redis = redis or Redis()
        self.exporting = Exporting()
        self.registry = new_registry(version="0", service="gateway")
        metrics = GatewayMetrics.build(self.registry)
        self.recorder = SpanRecorder(cast(Link, self.redis), self.exporting, "gw", metrics)

    def stored(self, session: str, *finals: Final) -> None:
        self.redis.tell(session, *finals)
        self.redis.trace(session, SENT)

    @property
    def dropped(self) -> float | None:
        return self.registry.get_sample_value(
            "callscribe_spans_dropped_total", {"reason": "waiting"}
        )


async def test_a_call_that_is_over_has_a_span_and_one_for_each_final():
    rig = Rig()
    rig.stored("s", final(), final())
    rig.recorder.end("s", RECORD, "finished", 32_000)
    assert rig.exporting.sent == []
    await rig.recorder.close(5.0)
    assert [span.name for span in rig.exporting.sent] == ["utterance", "utterance", "call"]
    assert dict(rig.exporting.sent[0].events)["sent"] == SENT.sent
    assert rig.exporting.sent[-1].attributes["callscribe.call.utterances"] == 2
    assert rig.exporting.closed


async def test_the_service_goes_on_after_a_call_that_it_cannot_read():
    rig = Rig()
    rig.redis.streams[keys.session_key("broken", "trace")] = [(b"1-1", [b"p", b"\xc1"])]
    rig.stored("s", final())
    running = asyncio.create_task(rig.recorder.run())
    rig.recorder.end("broken", RECORD, "finished", 0)
    rig.recorder.end("s", RECORD, "finished", 0)
    async with asyncio.timeout(5):
        while not rig.exporting.sent or rig.exporting.sent[-1].name != "call":
            await asyncio.sleep(0)
    running.cancel()
    assert {span.attributes["callscribe.call.id"] for span in rig.exporting.sent} == {"s"}


class SlowRedis(Redis):
    """Answers once it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.free = asyncio.Event()

    async def insist(self, commands: list[Command]) -> list[Any]:
        self.asked.set()
        await self.free.wait()
        return await super().insist(commands)


async def test_a_gateway_that_ends_finishes_the_call_that_it_was_about():
    rig = Rig(redis := SlowRedis())
    rig.stored("s", final())
    running = asyncio.create_task(rig.recorder.run())
    rig.recorder.end("s", RECORD, "finished", 0)
    await redis.asked.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    redis.free.set()
    await rig.recorder.close(5.0)
    assert [span.name for span in rig.exporting.sent] == ["utterance", "call"]


async def test_a_redis_that_is_away_cannot_hold_a_gateway():
    rig = Rig(redis := SlowRedis())
    running = asyncio.create_task(rig.recorder.run())
    for name in ("s", "t"):
        rig.recorder.end(name, RECORD, "finished", 0)
    await redis.asked.wait()
    running.cancel()
    await rig.recorder.close(0.01)
    assert rig.exporting.closed
    assert rig.dropped == 2


async def test_a_call_without_a_span_costs_nothing():
    rig = Rig()
    rig.recorder.end("s", replace(RECORD, span=None), "finished", 0)
    await rig.recorder.close(5.0)
    assert rig.exporting.sent == []


async def test_beyond_a_thousand_calls_spans_are_dropped_and_counted():
    rig = Rig()
    for number in range(1002):
        rig.recorder.end(f"s{number}", RECORD, "finished", 0)
    assert rig.dropped == 2


async def test_the_exporter_chooses_which_calls_have_a_span():
    rig = Rig()
    parent = Parent(SPAN.trace, SPAN.span, True)
    assert rig.recorder.begin(parent) == SPAN
    assert rig.recorder.begin(None) is None
    assert rig.exporting.parents == [parent, None]
