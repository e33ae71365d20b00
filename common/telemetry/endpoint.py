"""The small HTTP endpoint of a worker: /metrics, /health and /ready.

Threads serve it, so that it can report a stuck event loop.
"""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from types import TracebackType
from typing import Any, Self
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app

from common.telemetry.spare import Spare

_NO_ROOM_S = 0.1
"""Pause where a connection waits and there is no descriptor for it, not even the spare one."""

_SHORT_S = 1.0
"""Seconds that a peer has for its request where there are no descriptors."""

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

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, if need be with the descriptor that is kept for that."""
        try:
            return self.spare.use(super().get_request)
        except OSError:
            time.sleep(_NO_ROOM_S)  # it would be called again immediately
            raise

    def server_bind(self) -> None:
        """Take the port."""
        self.spare = Spare()
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing of a peer that is gone, or says nothing."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        """Listen no more."""
        super().server_close()
        self.spare.close()


class _QuietHandler(WSGIRequestHandler):
    server: _Server
    timeout = 10.0

    def setup(self) -> None:
        """Give a peer less time where its connection took the spare descriptor."""
        super().setup()
        if self.server.spare.out:
            self.connection.settimeout(_SHORT_S)

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
