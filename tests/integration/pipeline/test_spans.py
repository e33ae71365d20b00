"""Spans of real calls at a real collector: whole, each once, whichever gateways had the call."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import websockets.asyncio.client as ws

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is missing")

from common.pipeline.trace import PARTS
from tests.integration.conftest import wait_until
from tests.integration.pipeline.calls import FINALIZE, Line, config, converse
from tests.integration.pipeline.collector import Collected, Collector, collecting
from tests.integration.pipeline.resuming import (
    TELLS_SPEECH,
    CutCall,
    cut,
    gateway,
    talk_messages,
)
from tests.integration.pipeline.services import Service

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=7"}
OPENING = config(**TELLS_SPEECH)
ALLOWED = 0.05
"""Seconds between clocks' readings of one moment."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector; gateways that start now send it spans every 0.1 s."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    with collecting() as running:
        yield running


def exporting(bus_url: str, collector: Collector, *flags: str) -> Any:
    return gateway(bus_url, "--otlp-endpoint", collector.url, "--resume-s", "1", *flags)


async def call_of(collector: Collector, session: str) -> tuple[Collected, list[Collected]]:
    """Return the span of a call and those of its utterances, once the call's is there."""

    def found() -> list[Collected]:
        return [
            span
            for span in collector.named("call")
            if span.attributes["callscribe.call.id"] == session
        ]

    await wait_until(found, "the call's span is there", 60)
    (call,) = found()
    return call, collector.named("utterance", call.trace)


def places(utterances: list[Collected]) -> list[tuple[int, int]]:
    return sorted(
        (each.attributes["callscribe.leg"], each.attributes["callscribe.utterance.number"])
        for each in utterances
    )


async def test_a_call_and_its_utterances_are_spans_of_the_clients_trace(
    bus_url: str, collector: Collector, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=night")
    with exporting(bus_url, collector) as only:
        async with ws.connect(only.url, additional_headers=HEADERS, compression=None) as socket:
            client = Line(socket)
            await client.say(OPENING, *talk_messages(2), pace=0.1)
            await client.say(FINALIZE)
            transcript = await client.hear_out()
        call, utterances = await call_of(collector, transcript.session)
    assert (call.trace, call.parent, call.state) == (TRACE, SPAN, "vendor=7")
    assert call.attributes["callscribe.call.end_reason"] == "finished"
    assert call.attributes["callscribe.call.utterances"] == len(utterances)
    assert places(utterances) == sorted(transcript.by_utterance())
    for each in utterances:
        assert each.parent == call.span
        assert call.begin - ALLOWED <= each.begin <= each.end <= call.end + ALLOWED
        assert each.attributes["callscribe.vad.process"]
    said = [each for each in utterances if each.attributes["callscribe.utterance.text_length"]]
    assert len(said) == len(transcript.texts) == 2
    for each in said:
        assert each.events.keys() == PARTS.keys() - {"denoised"}
        assert each.attributes["callscribe.asr.process"]
    assert collector.headers["x-tenant"] == "night"
    for text in transcript.texts:
        assert not any(text.encode() in body for body in collector.bodies)


async def test_a_browser_names_its_span_in_the_url(bus_url: str, collector: Collector):
    with exporting(bus_url, collector) as only:
        url = f"{only.url}?traceparent={HEADERS['traceparent']}"
        transcript = await converse(url, OPENING, *talk_messages(1), FINALIZE)
        call, utterances = await call_of(collector, transcript.session)
    assert (call.trace, call.parent) == (TRACE, SPAN)
    assert len(utterances) == len(transcript.finals)


async def test_what_its_client_does_not_sample_sends_nothing(bus_url: str, collector: Collector):
    with exporting(bus_url, collector) as only:
        url = f"{only.url}?traceparent={HEADERS['traceparent'][:-1]}0"
        await converse(url, OPENING, *talk_messages(1), FINALIZE)
        other = await converse(only.url, OPENING, *talk_messages(1), FINALIZE)
        await call_of(collector, other.session)
    assert len(collector.named("call")) == 1


async def test_a_call_that_outlives_its_gateway_is_one_span_with_every_utterance_once(
    bus_url: str, collector: Collector
):
    call = CutCall(OPENING, [*talk_messages(3), FINALIZE])
    with exporting(bus_url, collector) as first, exporting(bus_url, collector) as second:
        url = f"{first.url}?traceparent={HEADERS['traceparent']}"
        async with call.opened(url) as client:
            await client.say(*call.script[: len(call.script) // 2])
            await client.hear("final")
            first.kill()
        async with call.back(second.url) as client:
            await client.say(*call.rest)
            transcript = await client.hear_out()
        whole, utterances = await call_of(collector, call.session)
    assert (whole.trace, whole.parent) == (TRACE, SPAN)
    assert places(utterances) == sorted(transcript.by_utterance())
    assert len({each.span for each in utterances}) == len(utterances)


async def test_a_call_without_gateway_and_client_has_its_spans_from_who_ends_it(
    bus_url: str, collector: Collector
):
    call = CutCall(OPENING, talk_messages(2))
    with exporting(bus_url, collector) as lasting:
        with exporting(bus_url, collector) as victim:
            async with call.opened(victim.url) as client:
                await client.say(*call.script)
                await client.hear("final")
                victim.kill()
        whole, utterances = await call_of(collector, call.session)
        assert lasting.page("/ready")[0] == 200
    said = [each for each in utterances if each.attributes["callscribe.utterance.text_length"]]
    assert len(said) == 2
    assert whole.attributes["callscribe.call.utterances"] == len(utterances)
    assert whole.parent == ""


async def test_a_gateway_that_ends_sends_what_it_has(bus_url: str, collector: Collector):
    with exporting(bus_url, collector) as leaving:
        transcript = await converse(leaving.url, OPENING, *talk_messages(1), FINALIZE)
        assert leaving.end() == 0
    _, utterances = await call_of(collector, transcript.session)
    assert places(utterances) == sorted(transcript.by_utterance())


async def test_a_collector_that_is_away_ends_no_call_and_holds_no_gateway(bus_url: str):
    with gateway(bus_url, "--otlp-endpoint", "http://127.0.0.1:9") as only:
        transcript = await converse(only.url, OPENING, *talk_messages(1), FINALIZE)
        assert transcript.close_code == 1000
        assert await asyncio.to_thread(only.end) == 0


async def test_a_client_that_does_not_come_back_ends_its_call_with_its_spans(
    bus_url: str, collector: Collector
):
    call = CutCall(OPENING, talk_messages(1))
    with exporting(bus_url, collector) as only:
        async with call.opened(only.url) as client:
            await client.say(*call.script)
            await client.hear("speech_started")
            cut(client)
        whole, utterances = await call_of(collector, call.session)
    assert whole.attributes["callscribe.call.end_reason"] == "finished"
    assert len(utterances) == 1


def test_no_spans_are_made_by_default(bus_url: str, collector: Collector):
    with gateway(bus_url) as only:
        asyncio.run(converse(only.url, OPENING, *talk_messages(1), FINALIZE))
        assert isinstance(only, Service)
    assert collector.spans == []
