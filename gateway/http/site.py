"""The HTTP server behind the gateway's ports: it gets sockets whose request is no handshake.

Each answer ends its connection, so no client keeps a place that it does not use.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import TypeAlias, cast

from aiohttp import web
from aiohttp.typedefs import Middleware

from common.telemetry.logs import Log
from common.telemetry.metrics import GatewayMetrics
from gateway.http import problems

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

PAGE = web.RequestKey("page", str)
"""The origin of the web page that may read the answer to a request."""
_MOST_REQUESTS = 1024
"""Requests in progress, for one process."""
_MOST_OF_A_PEER = 128
"""The same, for one address that is no trusted proxy."""
_LINGER = 5.0
"""Seconds that an answered peer has to send the rest of its body: if its socket were closed before,
it could miss the answer."""
_UNWANTED, _UNWANTED_S = 1 << 20, 0.2
"""Bytes of it that are received, and the seconds in which they are."""
_GONE_AFTER = 1.0
"""Seconds that a request with a body has for its answer once its peer has closed its side."""
_STUCK_S = 30.0
"""Seconds after which a peer is cut off that has taken little of what waits for it."""
_LITTLE = 1 << 16
"""Bytes of it, unless nothing is left."""
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"

_log = Log(__name__)


class Site:
    """Answers requests by `routes`, which `check` lets through.

    `is_proxy` tells whether an address is a trusted proxy.
    """

    def __init__(
        self,
        routes: Iterable[web.AbstractRouteDef],
        metrics: GatewayMetrics,
        is_proxy: Callable[[str], bool],
        check: Middleware,
    ) -> None:
        # Larger bodies are read in pieces by those who expect them.
        self._app = web.Application(middlewares=[self._answer, check], client_max_size=1 << 16)
        self._app.add_routes(routes)
        self._app.on_response_prepare.append(_prepare)
        self._metrics = metrics
        self._is_proxy = is_proxy
        self._peers: Counter[str] = Counter()

    async def start(self) -> None:
        """Be ready to answer."""
        quiet = logging.getLogger("callscribe.http")
        quiet.setLevel(logging.DEBUG)
        quiet.addFilter(_forget)
        self._runner = web.AppRunner(
            self._app,
            access_log=None,
            auto_decompress=False,
            handle_signals=False,
            handler_cancellation=True,
            logger=quiet,
            lingering_time=_LINGER,
            shutdown_timeout=1.0,
        )
        await self._runner.setup()

    async def close(self) -> None:
        """End every request in progress."""
        await self._runner.cleanup()

    @property
    def paths(self) -> set[str]:
        """What it answers for, with names in place of what varies."""
        return {resource.canonical for resource in self._app.router.resources()}

    def connection(self, goes_on: bool) -> asyncio.Protocol:
        """Return what answers one connection's request."""
        server = self._runner.server
        assert server is not None
        return _Connection(server(), self, goes_on)

    def enter(self, peer: str) -> bool:
        """Count a connection; return whether there is room for it."""
        self._peers[peer] += 1
        mine = self._peers[peer] <= _MOST_OF_A_PEER or self._is_proxy(peer)
        return mine and self._peers.total() <= _MOST_REQUESTS

    def leave(self, peer: str) -> None:
        """Take note that a connection has ended."""
        self._peers[peer] -= 1
        if not self._peers[peer]:
            del self._peers[peer]

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPNotFound as unknown:
            self._metrics.refusals.labels("bad_request").inc()
            if unknown.text == "404: Not Found":  # the router's
                raise problems.no_such_path(request.path, self.paths) from None
            raise
        except web.HTTPMethodNotAllowed as wrong:
            self._metrics.refusals.labels("bad_request").inc()
            known = wrong.allowed_methods
            raise problems.wrong_method(request.path, wrong.method, known) from None
        except (asyncio.CancelledError, ConnectionError, web.HTTPException):
            raise
        except Exception as error:
            _log.exception("request.failed", error, path=request.path)
            raise web.HTTPInternalServerError(text="the server made a mistake\n") from error
        return response


class _Connection(asyncio.Protocol):
    """One connection of the HTTP server, with one request, which comes in the first bytes.

    `goes_on`: it has a body, or asks for another protocol. Otherwise nothing that follows is read.
    aiohttp would let its socket be closed when its peer has finished sending, so it does not learn
    of that.
    """

    def __init__(self, server: asyncio.Protocol, site: Site, goes_on: bool) -> None:
        self._server = server
        self._site = site
        self._goes_on = goes_on
        self._peer = ""
        self._transport: asyncio.Transport | None = None
        self._begun = False
        self._refused = False
        self._answered = False
        self._discards = False
        """Whether aiohttp no longer gets what arrives: it would receive any amount of it."""
        self._unwanted = 0
        """Bytes that came since reading was paused last, after the answer."""
        self._stuck: asyncio.TimerHandle | None = None
        """Ends the connection; None while all that was written has left the process."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket, or refuse it where there are too many."""
        address = transport.get_extra_info("peername")
        self._peer = str(address[0]) if address is not None else ""
        self._transport = cast(asyncio.Transport, transport)
        # The rest of an answer keeps its socket open however short it is.
        self._transport.set_write_buffer_limits(high=0)
        if self._site.enter(self._peer):
            self._server.connection_made(transport)
        else:
            self._refused = True
            self._transport.write(_BUSY)
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Pass bytes on."""
        if self._refused or (self._begun and not self._goes_on):
            return
        self._begun = True
        if self._answered:
            self._unwanted += len(data)
            if self._unwanted > _UNWANTED:
                self._pause()
        if not self._discards:
            self._server.data_received(data)

    def answer(self, *, chunked: bool) -> None:
        """Receive slowly what still comes of the request; discard chunks, not to look at each."""
        self._answered, self._discards = True, chunked

    def _pause(self) -> None:
        assert self._transport is not None
        self._unwanted, self._discards = 0, True
        self._transport.pause_reading()
        asyncio.get_running_loop().call_later(_UNWANTED_S, self._read_on)

    def _read_on(self) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def eof_received(self) -> bool:
        """Keep the socket open for the answer, but not long where the peer had more to send.

        Such a peer is gone: a client that closes its socket cannot be told from one that only
        finishes sending, and what it asked for may be minutes of work.
        """
        if self._goes_on and self._transport is not None:
            asyncio.get_running_loop().call_later(_GONE_AFTER, self._transport.close)
        # Over TLS it closes anyway, and the loop would warn of any other wish.
        return self._transport is not None and not self._transport.get_extra_info("sslcontext")

    def pause_writing(self) -> None:
        """Pass it on, and expect that the peer reads."""
        self._watch()
        if not self._refused:
            self._server.pause_writing()

    def _watch(self) -> None:
        assert self._transport is not None
        waiting = self._transport.get_write_buffer_size()
        loop = asyncio.get_running_loop()
        self._stuck = loop.call_later(_STUCK_S, self._cut_off_unless_below, waiting - _LITTLE)

    def _cut_off_unless_below(self, most: int) -> None:
        assert self._transport is not None
        if self._transport.get_write_buffer_size() > most:
            self._transport.abort()
        else:
            self._watch()

    def _unwatch(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def resume_writing(self) -> None:
        """Pass it on."""
        self._unwatch()
        if not self._refused:
            self._server.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        self._unwatch()
        self._site.leave(self._peer)
        if not self._refused:
            self._server.connection_lost(exc)


def _forget(record: logging.LogRecord) -> bool:
    """Log nothing: a peer's mistake is no news, and ours are logged above.

    An error is in a cycle with the frames that raised it, and so with the bytes of its request. The
    process looks for cycles so rarely that clients could fill its memory with them.
    """
    error = record.exc_info[1] if record.exc_info else None
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__
    return False


async def _prepare(request: web.Request, response: web.StreamResponse) -> None:
    if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return
    if request.transport is not None:
        connection = cast(_Connection, request.transport.get_protocol())
        connection.answer(chunked="Transfer-Encoding" in request.headers)
    if page := request.get(PAGE):
        response.headers["Access-Control-Allow-Origin"] = page
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
    # Whether a page may read an answer depends on the page, so caches keep one for each.
    varies = (response.headers.get("Vary"), "Origin")
    response.headers["Vary"] = ", ".join(filter(None, varies))
    response.force_close()
    response.headers["Connection"] = "close"
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.pop("Server", None)
