"""Sends spans over OTLP/HTTP with OpenTelemetry's SDK, in a thread of the SDK.

The SDK reads the standard variables itself: ``OTEL_TRACES_SAMPLER``, ``OTEL_RESOURCE_ATTRIBUTES``,
``OTEL_BSP_*``, ``OTEL_EXPORTER_OTLP_HEADERS`` and others. Only this module imports it, so that a
gateway without `--otlp-endpoint` needs none of it.
"""

import asyncio
import os
import secrets
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_BSP_MAX_QUEUE_SIZE, OTEL_SERVICE_NAME
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from common.errors import SettingsError
from common.telemetry.metrics import GatewayMetrics
from gateway.protocols.tracing import Parent
from gateway.record import CallSpan
from gateway.spans.description import Described

_PATH = "/v1/traces"
_USUAL_QUEUE = 2048
"""Spans that the SDK queues unless the variable says otherwise."""


def connect(endpoint: str, gateway: str, metrics: GatewayMetrics) -> "SpanExport":
    """Return where spans go: a collector's base URL, such as http://localhost:4318.

    Connects when there are spans. Raises SettingsError for variables that contradict each other.
    """
    try:
        return SpanExport(OTLPSpanExporter(endpoint.rstrip("/") + _PATH), gateway, metrics)
    except ValueError as error:
        raise SettingsError(f"OTEL_BSP_*: {error}") from None


class SpanExport:
    """Implements `gateway.spans.recorder.Exporting` with any exporter of the SDK.

    `gateway` is this process's name. No more spans wait than ``OTEL_BSP_MAX_QUEUE_SIZE``; others
    are dropped and counted, as are those that the exporter could not send.
    """

    def __init__(self, exporter: SpanExporter, gateway: str, metrics: GatewayMetrics) -> None:
        release = version("callscribe")
        own = {"service.instance.id": gateway, "service.version": release}
        if not os.environ.get(OTEL_SERVICE_NAME):
            own["service.name"] = "callscribe"
        self._most = int(os.environ.get(OTEL_BSP_MAX_QUEUE_SIZE) or _USUAL_QUEUE)
        self._exporter = _Counted(exporter, metrics)
        self._processor: SpanProcessor = BatchSpanProcessor(self._exporter)
        self._ids = _GivenIds()
        self._provider = TracerProvider(
            resource=Resource.create(own), id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer("callscribe", release)
        self._given = 0
        self._dropped = metrics.spans_dropped.labels("queue")

    def choose(self, parent: Parent | None) -> CallSpan | None:
        """See `Exporting`: asks the sampler that ``OTEL_TRACES_SAMPLER`` names."""
        trace = parent.trace if parent else _random_id(16)
        context = _remote(parent) if parent else None
        asked = self._provider.sampler.should_sample(context, int(trace, 16), "call")
        if asked.decision is not Decision.RECORD_AND_SAMPLE:
            return None
        return CallSpan(
            trace=trace,
            span=_random_id(8),
            begun=time.time(),
            parent=parent.span if parent else "",
            state=parent.state if parent else "",
        )

    def send(self, span: CallSpan, spans: Sequence[Described]) -> None:
        """See `Exporting`."""
        for each in spans:
            if self._given - self._exporter.taken >= self._most:
                self._dropped.inc()
                continue
            self._given += 1
            self._make(span, each)

    def _make(self, whole: CallSpan, span: Described) -> None:
        is_call = span.span == whole.span
        if not is_call:
            context = _child_of(whole.trace, whole.span, whole.state, remote=False)
        elif whole.parent:
            context = _child_of(whole.trace, whole.parent, whole.state, remote=True)
        else:
            context = Context()
        self._ids.next = int(whole.trace, 16), int(span.span, 16)
        made = self._tracer.start_span(
            span.name,
            context,
            SpanKind.SERVER if is_call else SpanKind.INTERNAL,
            dict(span.attributes),
            start_time=_nanoseconds(span.begin),
        )
        for name, at in span.events:
            made.add_event(name, timestamp=_nanoseconds(at))
        if span.failed:
            made.set_status(Status(StatusCode.ERROR))
        made.end(_nanoseconds(span.end))

    async def close(self, seconds: float) -> None:
        """See `Exporting`; a collector that does not answer cannot hold the process."""
        closed, loop = asyncio.Event(), asyncio.get_running_loop()

        def close() -> None:
            self._processor.shutdown()
            with suppress(RuntimeError):  # the loop may be gone by then
                loop.call_soon_threadsafe(closed.set)

        threading.Thread(target=close, name="spans", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await closed.wait()


class _Counted(SpanExporter):
    """Counts the spans that the SDK takes from its queue, and those that could not be sent."""

    def __init__(self, exporter: SpanExporter, metrics: GatewayMetrics) -> None:
        self.taken = 0
        self._exporter = exporter
        self._failed = metrics.spans_dropped.labels("collector")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            if result is not SpanExportResult.SUCCESS:
                self._failed.inc(len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        flushed: bool = self._exporter.force_flush(timeout_millis)
        return flushed


class _GivenIds(IdGenerator):
    """Gives the next span the ids in `next`: its trace, and its own."""

    next = (0, 0)

    def generate_trace_id(self) -> int:
        return self.next[0]

    def generate_span_id(self) -> int:
        return self.next[1]


def _child_of(trace: str, span: str, state: str, *, remote: bool) -> Context:
    kept = TraceState.from_header([state]) if state else None
    flags = TraceFlags(TraceFlags.SAMPLED)
    own = SpanContext(int(trace, 16), int(span, 16), remote, flags, kept)
    return api.set_span_in_context(api.NonRecordingSpan(own), Context())


def _remote(parent: Parent) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
    own = SpanContext(int(parent.trace, 16), int(parent.span, 16), True, flags)
    return api.set_span_in_context(api.NonRecordingSpan(own), Context())


def _random_id(size: int) -> str:
    """Return a random id that is not zero, in hexadecimal digits."""
    return f"{secrets.randbelow((1 << 8 * size) - 1) + 1:0{2 * size}x}"


def _nanoseconds(at: float) -> int:
    return round(at * 1e9)
