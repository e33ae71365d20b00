"""A port with WebSocket protocols, each at its path, and with plain HTTP pages at all others."""

import logging
import ssl
from collections.abc import Coroutine, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qs

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from common.errors import SettingsError
from common.telemetry.metrics import GatewayMetrics
from gateway import pages
from gateway.admission.capacity import Refusal
from gateway.admission.forwarded import TrustedProxies
from gateway.admission.handshake import OWN_DOING, Handshakes
from gateway.admission.quota import caller
from gateway.conversations.reception import Reception
from gateway.protocols import api
from gateway.turns.crowd import Crowd
from gateway.websocket.connection import WebSocketConnection
from gateway.websocket.request import Complaint

_RETURNS = "resume"
"""Parameter of a URL, 1 where the client is about to resume a call, which has its place already."""
_BACKLOG = 4096
"""Connections that may wait to be accepted. After a restart all clients return together; the kernel
drops the handshake of one that does not fit, and its client waits for seconds, or for ever."""


class WebSocketListener:
    """Admits clients, and answers plain HTTP requests about `subject`.

    `opening_s`: seconds that a connection has to open its call.
    """

    def __init__(
        self,
        protocols: Sequence[api.Protocol],
        reception: Reception,
        handshakes: Handshakes,
        crowd: Crowd,
        subject: pages.Subject,
        metrics: GatewayMetrics,
        *,
        proxies: TrustedProxies,
        opening_s: float,
        max_size: int,
    ) -> None:
        self._protocols = {protocol.path: protocol for protocol in protocols}
        self._reception = reception
        self._handshakes = handshakes
        self._crowd = crowd
        self._subject = subject
        self._metrics = metrics
        self._proxies = proxies
        self._opening_s = opening_s
        self._max_size = max_size

    @property
    def port(self) -> int:
        """The port on which it listens."""
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    async def listen(
        self, host: str, port: int, tls: ssl.SSLContext | None, flag: str = "--port"
    ) -> None:
        """Listen. Raises SettingsError, which names the port's `flag`."""
        # At info the library reports every connection and every probe.
        logging.getLogger("websockets").setLevel(logging.WARNING)
        try:
            self._server = await serve(
                self._handle,
                host,
                port,
                ssl=tls,
                process_request=self._answer,
                create_connection=cast(Any, partial(WebSocketConnection, crowd=self._crowd)),
                # Audio hardly compresses and a deflate context costs each session 16 KB and more.
                compression=None,
                max_size=self._max_size,
                backlog=_BACKLOG,
                server_header=None,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise SettingsError(f"{flag}: cannot listen on {host}:{port}: {reason}") from error

    async def close(self) -> None:
        """Accept no more connections, and close every one."""
        self._server.close()
        await self._server.wait_closed()

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, WebSocketConnection)
        assert connection.request is not None
        request = read(connection.request, connection.peer)
        conversation = self._reception.welcome(
            self._protocols[request.path],
            request,
            connection,
            name=connection.id.hex,
            caller=connection.caller,
            returning=request.parameter(_RETURNS) == "1",
        )
        await connection.serve(conversation, self._opening_s)

    def _answer(
        self, connection: ServerConnection, received: Request
    ) -> Response | Coroutine[Any, Any, Response | None] | None:
        """Answer a plain HTTP request, or let a WebSocket handshake go on."""
        assert isinstance(connection, WebSocketConnection)
        request = read(received, connection.peer)
        complaint, is_call = connection.complaint, request.path in self._protocols
        if complaint is None and is_call and not connection.bare:
            return self._let_in(connection, request)
        if complaint is None and is_call:
            complaint = Complaint(HTTPStatus.METHOD_NOT_ALLOWED, "a WebSocket handshake is a GET")
        if complaint is not None:
            self._metrics.refusals.labels("bad_request").inc()
            page = pages.text(complaint.status, complaint.text)
        else:
            page = pages.find(request.path, self._subject)
        refused = page.status == HTTPStatus.METHOD_NOT_ALLOWED
        more = {"Allow": "GET, HEAD"} if refused else {}
        return _response(page, more, bare=connection.bare)

    def _let_in(
        self, connection: WebSocketConnection, request: api.Request
    ) -> Response | Coroutine[Any, Any, Response | None] | None:
        forwarded = (request.headers.get(name, ()) for name in ("x-forwarded-for", "forwarded"))
        connection.peer = self._proxies.client(connection.peer, *forwarded)
        connection.caller = caller(request.headers, connection.peer)
        answer = self._handshakes.ask(
            connection.id.hex,
            connection.caller,
            self._reception.present,
            returning=request.parameter(_RETURNS) == "1",
        )
        if answer is None:
            return None
        if isinstance(answer, Refusal):
            return turned_away(answer)

        async def wait() -> Response | None:
            refusal = await answer
            return None if refusal is None else turned_away(refusal)

        return wait()


def read(request: Request, peer: str) -> api.Request:
    """Return a client's request as protocols see it."""
    path, _, query = request.path.partition("?")
    headers: dict[str, list[str]] = {}
    for name, value in request.headers.raw_items():
        headers.setdefault(name.lower(), []).append(value)
    offered = ",".join(headers.get("sec-websocket-protocol", ())).split(",")
    return api.Request(
        path=path,
        query=parse_qs(query, keep_blank_values=True),
        headers=headers,
        subprotocols=[name.strip() for name in offered if name.strip()],
        peer=peer,
    )


def turned_away(refusal: Refusal) -> Response:
    """Return the answer to a refused handshake."""
    own_doing = refusal.reason in OWN_DOING
    status = HTTPStatus.TOO_MANY_REQUESTS if own_doing else HTTPStatus.SERVICE_UNAVAILABLE
    page = pages.text(status, f"refused: {refusal.reason}")
    return _response(page, {"Retry-After": str(refusal.retry_after)})


def _response(page: pages.Page, more: dict[str, str], *, bare: bool = False) -> Response:
    headers = Headers(
        {
            "Content-Type": page.content_type,
            "Content-Length": str(len(page.body)),
            "Cache-Control": "no-store",
            "Connection": "close",
            **more,
        }
    )
    return Response(page.status, page.reason, headers, b"" if bare else page.body)
