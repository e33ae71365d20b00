"""Plain HTTP answers of the gateway about itself, for probes, operators and Prometheus."""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from typing import Protocol

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from gateway.http import problems
from gateway.http.site import Handler

_STARTED = time.monotonic()


class Subject(Protocol):
    """What the pages show."""

    @property
    def registry(self) -> CollectorRegistry:
        """The process's metrics."""

    @property
    def certificate(self) -> bytes | None:
        """The self-signed certificate that is served, as PEM, None if there is none."""

    def unready(self) -> str | None:
        """Tell why no call can be taken now, or None."""

    def status(self) -> dict[str, object]:
        """Return the facts of `/ws/status`."""


def routes(subject: Subject, calls: Iterable[str]) -> list[web.AbstractRouteDef]:
    """Return the routes of all pages, and of the paths that are for WebSocket handshakes alone."""

    def page(build: Callable[[Subject], web.Response]) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            return build(subject)

        return answer

    async def no_handshake(request: web.Request) -> web.StreamResponse:
        return problems.no_handshake(request.path)

    return [
        *(web.get(path, page(build)) for path, build in PAGES.items()),
        *(web.get(path, no_handshake) for path in calls if path not in PAGES),
    ]


def drain(subject: Subject, stop: Callable[[], None]) -> web.RouteDef:
    """Return the route of operators that drains; it may be asked again, and SIGTERM may follow."""

    async def answer(request: web.Request) -> web.StreamResponse:
        # An operator's browser reaches this port, too, and with it the pages that are open there.
        if {"Origin", "Sec-Fetch-Site"} & request.headers.keys():
            return _text(403, "this is for no web page")
        stop()
        return _json({"sessions": subject.status()["sessions"]}, 202)

    return web.post("/v1/drain", answer)


def _text(status: int, said: str) -> web.Response:
    return web.Response(status=status, text=f"{said}\n")


def _health(subject: Subject) -> web.Response:
    return _text(200, "ok")


def _ready(subject: Subject) -> web.Response:
    reason = subject.unready()
    return _text(200, "ok") if reason is None else _text(503, reason)


def _metrics(subject: Subject) -> web.Response:
    body = generate_latest(subject.registry)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


def _status(subject: Subject) -> web.Response:
    return _json({"version": version("callscribe"), **subject.status()})


def _extended(subject: Subject) -> web.Response:
    reason = subject.unready()
    with open("/proc/self/statm") as statm:
        resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    facts = {
        "status": "healthy" if reason is None else "unhealthy",
        "version": version("callscribe"),
        "uptime_s": round(time.monotonic() - _STARTED, 1),
        "memory_bytes": resident,
        "cpu_s": round(time.process_time(), 1),
        **subject.status(),
    }
    return _json(facts, 200 if reason is None else 503)


def _json(facts: Mapping[str, object], status: int = 200) -> web.Response:
    return web.Response(
        status=status, text=json.dumps(facts, indent=2) + "\n", content_type="application/json"
    )


def _certificate(subject: Subject) -> web.Response:
    pem = subject.certificate
    if pem is None:
        return _text(404, "this server serves no self-signed certificate")
    disposition = {"Content-Disposition": 'attachment; filename="callscribe.pem"'}
    return web.Response(body=pem, content_type="application/x-pem-file", headers=disposition)


PAGES: dict[str, Callable[[Subject], web.Response]] = {
    "/certificate": _certificate,
    "/health": _health,
    "/health/extended": _extended,
    "/ready": _ready,
    "/metrics": _metrics,
    "/ws/status": _status,
}
