"""What OpenTelemetry's SDK makes of our spans, by an exporter that keeps them in memory."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from common.errors import SettingsError
from common.telemetry.metrics import GatewayMetrics, new_registry
from gateway.protocols.tracing import Parent
from gateway.record import CallSpan
from gateway.spans.description import call_span, utterance_span
from tests.unit.gateway.spans.examples import RECORD, SPAN, traced

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra otel is missing")

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from gateway.spans.otlp import SpanExport, connect

PARENT = Parent("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", True, "vendor=a,other=b")


class Rig:
    def __init__(self, exporter: SpanExporter | None = None) -> None:
        self.registry = new_registry(version="0", service="gateway")
        self.memory = InMemorySpanExporter()
        metrics = GatewayMetrics.build(self.registry)
        self.export = SpanExport(exporter or self.memory, "gw-1", metrics)

    def send(self, span: CallSpan, *, reason: str = "finished") -> None:
        utterance = utterance_span(span, traced())
        assert utterance is not None
        record = replace(RECORD, span=span)
        whole = call_span("s", record, span, [], reason=reason, position=0, now=span.begun + 9)
        self.export.send(span, [utterance, whole])

    async def exported(self) -> Sequence[ReadableSpan]:
        await self.export.close(10)
        finished: Sequence[ReadableSpan] = self.memory.get_finished_spans()
        return finished

    def dropped(self, reason: str) -> float:
        labels = {"reason": reason}
        return self.registry.get_sample_value("callscribe_spans_dropped_total", labels) or 0.0


async def test_a_call_is_a_child_of_the_clients_span_and_its_utterances_are_its_children():
    rig = Rig()
    span = rig.export.choose(PARENT)
    assert span is not None
    rig.send(span)
    utterance, call = await rig.exported()
    assert call.parent is not None
    assert f"{call.context.trace_id:032x}" == PARENT.trace
    assert f"{call.parent.span_id:016x}" == PARENT.span
    assert call.parent.is_remote
    assert call.context.trace_state.to_header() == PARENT.state
    assert utterance.parent == call.context
    assert utterance.context.trace_id == call.context.trace_id
    assert (call.kind, utterance.kind) == (SpanKind.SERVER, SpanKind.INTERNAL)


async def test_another_gateway_makes_the_same_spans_of_a_call():
    first, second = Rig(), Rig()
    span = first.export.choose(PARENT)
    assert span is not None
    for rig in (first, second):
        rig.send(span)
    one, two = await first.exported(), await second.exported()
    assert [each.context for each in one] == [each.context for each in two]


async def test_without_a_parent_a_call_begins_a_trace():
    rig = Rig()
    spans = [rig.export.choose(None), rig.export.choose(None)]
    assert spans[0] is not None
    assert spans[1] is not None
    assert spans[0].trace != spans[1].trace
    rig.send(spans[0])
    _, call = await rig.exported()
    assert call.parent is None
    assert f"{call.context.trace_id:032x}" == spans[0].trace


async def test_times_events_and_attributes_arrive_as_they_are():
    rig = Rig()
    rig.send(SPAN)
    utterance, call = await rig.exported()
    assert (utterance.start_time, utterance.end_time) == (1002 * 10**9, 1004 * 10**9)
    assert [(e.name, e.timestamp) for e in utterance.events][-1] == ("sent", 1004 * 10**9)
    assert utterance.attributes is not None
    assert utterance.attributes["callscribe.leg"] == 1
    assert call.status.status_code is StatusCode.UNSET
    assert call.resource.attributes["service.name"] == "callscribe"
    assert call.resource.attributes["service.instance.id"] == "gw-1"


async def test_a_call_that_was_lost_has_the_status_of_an_error():
    rig = Rig()
    rig.send(SPAN, reason="session_lost")
    _, call = await rig.exported()
    assert call.status.status_code is StatusCode.ERROR


def test_a_parent_that_is_not_sampled_has_no_children():
    assert Rig().export.choose(replace(PARENT, sampled=False)) is None


@pytest.mark.parametrize(("ratio", "sampled"), [("0", False), ("1", True)])
def test_the_standard_variable_chooses_the_sampler_of_calls_without_a_parent(
    ratio, sampled, monkeypatch
):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", ratio)
    rig = Rig()
    assert (rig.export.choose(None) is not None) is sampled
    assert rig.export.choose(PARENT) is not None


async def test_the_standard_variables_name_the_service(monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "switchboard")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=night")
    rig = Rig()
    rig.send(SPAN)
    _, call = await rig.exported()
    assert call.resource.attributes["service.name"] == "switchboard"
    assert call.resource.attributes["deployment.environment.name"] == "night"


class Stuck(SpanExporter):
    """A collector that does not answer until it is let go, and then refuses."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.asked = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.asked.set()
        self.free.wait()
        return SpanExportResult.FAILURE

    def shutdown(self) -> None: ...


async def test_a_collector_that_does_not_answer_costs_spans_and_no_time(monkeypatch):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2")
    stuck = Stuck()
    rig = Rig(stuck)
    rig.send(SPAN)
    assert stuck.asked.wait(10)
    for _ in range(10):  # 20 spans; 2 are with the collector, 8 wait
        rig.send(SPAN)
    assert rig.dropped("queue") == 12
    await rig.export.close(0.01)  # it is still stuck, and holds nobody
    assert not stuck.free.is_set()
    stuck.free.set()
    await rig.export.close(10)


async def test_what_a_collector_refuses_is_counted():
    refusing = Stuck()
    refusing.free.set()
    rig = Rig(refusing)
    rig.send(SPAN)
    await rig.export.close(10)
    assert rig.dropped("collector") == 2


def test_variables_that_contradict_each_other_are_refused(monkeypatch):
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")
    metrics = GatewayMetrics.build(new_registry(version="0", service="gateway"))
    with pytest.raises(SettingsError, match=r"OTEL_BSP_\*: max_export_batch_size"):
        connect("http://127.0.0.1:1", "gw", metrics)
