"""The small HTTP endpoint of a worker: /metrics, /health and /ready.

Threads serve it, so that it can report a stuck event loop.
"""

import threading
import time
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app

Check = Callable[[], str | None]
"""Returns None when all is well, else the reason in a few words. Called from any thread."""


class Freshness:
    """Whether a loop still runs: `check` fails when `beat` was not called for `limit` seconds."""

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        """Note that the loop has run once more."""
        self._last = self._clock()

    def check(self) -> str | None:
        """Tell for how long the loop has been stuck, or None."""
        age = self._clock() - self._last
        return None if age <= self._limit else f"the loop has been stuck for {age:.1f} s"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    # A probe that never finishes its request must not delay the process's exit.
    block_on_close = False


class _QuietHandler(WSGIRequestHandler):
    timeout = 10.0

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: probes come every few seconds."""


class Endpoint:
    """Serves while its context is open.

    /health answers 200 while `live` passes and /ready while both checks do, else 503 with the
    reason. OSError when the port cannot be bound; port 0 takes a free one, see `port`.
    """

    def __init__(
        self, host: str, port: int, *, registry: CollectorRegistry, live: Check, ready: Check
    ) -> None:
        self._metrics = make_wsgi_app(registry)
        self._live = live
        self._ready = ready
        self._server = make_server(host, port, self._answer, _Server, _QuietHandler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="endpoint", daemon=True
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environ: WSGIEnvironment, respond: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            page: Iterable[bytes] = self._metrics(environ, respond)
            return page
        if path == "/health":
            return _verdict(respond, self._live())
        if path == "/ready":
            return _verdict(respond, self._live() or self._ready())
        return _text(respond, "404 Not Found", "there are /metrics, /health and /ready")


def _verdict(respond: StartResponse, reason: str | None) -> Iterable[bytes]:
    if reason is None:
        return _text(respond, "200 OK", "ok")
    return _text(respond, "503 Service Unavailable", reason)


def _text(respond: StartResponse, status: str, body: str) -> Iterable[bytes]:
    data = f"{body}\n".encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(data)))]
    respond(status, headers)
    return [data]
