"""A collector of spans over OTLP/HTTP: it keeps what real gateways send it."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass
class Collected:
    """One span as it came: ids in hexadecimal digits, times in seconds."""

    name: str
    trace: str
    span: str
    parent: str
    state: str
    begin: float
    end: float
    attributes: dict[str, Any]
    events: dict[str, float]
    resource: dict[str, Any]


@dataclass
class Collector:
    """What was collected so far, and where; `headers` are those of the last request."""

    url: str
    spans: list[Collected] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def named(self, name: str, trace: str = "") -> list[Collected]:
        """Return the spans of a name, of one trace if it is given."""
        return [s for s in self.spans if s.name == name and (not trace or s.trace == trace)]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.headers = dict(self.headers.items())
            collector.bodies.append(body)
            collector.spans += _spans(ExportTraceServiceRequest.FromString(body))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield collector
        finally:
            server.shutdown()
            serving.join()


def _spans(request: Any) -> Iterator[Collected]:
    for group in request.resource_spans:
        resource = _values(group.resource.attributes)
        for span in (span for scope in group.scope_spans for span in scope.spans):
            yield Collected(
                name=span.name,
                trace=span.trace_id.hex(),
                span=span.span_id.hex(),
                parent=span.parent_span_id.hex(),
                state=span.trace_state,
                begin=span.start_time_unix_nano / 1e9,
                end=span.end_time_unix_nano / 1e9,
                attributes=_values(span.attributes),
                events={event.name: event.time_unix_nano / 1e9 for event in span.events},
                resource=resource,
            )


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
