"""A port with WebSocket protocols, each at its path; all other requests are the HTTP server's."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qs

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from common.telemetry.metrics import GatewayMetrics
from gateway.access.gate import Denied, Gate
from gateway.access.rules import HANDSHAKE
from gateway.admission.capacity import Refusal
from gateway.admission.forwarded import TrustedProxies
from gateway.admission.handshake import OWN_DOING, Handshakes
from gateway.conversations.reception import Reception
from gateway.protocols import api
from gateway.turns.crowd import Crowd
from gateway.websocket import limits
from gateway.websocket.arrival import Arrival
from gateway.websocket.connection import WebSocketConnection

_RETURNS = "resume"
"""Parameter of a URL, 1 where the client is about to resume a call, which has its place already."""
_BACKLOG = 4096
"""Connections that may wait to be accepted. After a restart all clients return together; the kernel
drops the handshake of one that does not fit, and its client waits for seconds, or for ever."""


class WebSocketListener:
    """Admits clients. `http` returns what answers a plain HTTP request; see `Site.connection`.

    `opening_s`: seconds that a connection has to open its call.
    """

    def __init__(
        self,
        protocols: Sequence[api.Protocol],
        reception: Reception,
        handshakes: Handshakes,
        crowd: Crowd,
        http: Callable[[bool], asyncio.Protocol],
        metrics: GatewayMetrics,
        gate: Gate,
        *,
        proxies: TrustedProxies,
        opening_s: float,
        max_size: int,
    ) -> None:
        self._protocols = {protocol.path: protocol for protocol in protocols}
        self._reception = reception
        self._handshakes = handshakes
        self._crowd = crowd
        self.http = http
        self._metrics = metrics
        self._gate = gate
        self._proxies = proxies
        self._opening_s = opening_s
        self._max_size = max_size

    @property
    def port(self) -> int:
        """The port on which it listens."""
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen. Raises OSError."""
        # At info the library reports every connection and every probe.
        logging.getLogger("websockets").setLevel(logging.WARNING)
        self._server = await serve(
            self._handle,
            host,
            port,
            ssl=tls,
            # Until it is over, nothing counts the client.
            ssl_handshake_timeout=limits.MOST_HEAD if tls is not None else None,
            process_request=self._let_in,
            select_subprotocol=self._subprotocol,
            create_connection=cast(Any, self._arrival),
            # Audio hardly compresses and a deflate context costs each session 16 KB and more.
            compression=None,
            max_size=self._max_size,
            backlog=_BACKLOG,
            server_header=None,
        )

    async def close(self) -> None:
        """Accept no more connections, and close every one."""
        self._server.close()
        await self._server.wait_closed()

    def _arrival(self, *args: Any, **kwargs: Any) -> Arrival:
        connection = WebSocketConnection(*args, crowd=self._crowd, **kwargs)
        return Arrival(connection, self, self._crowd)

    def serves(self, path: str) -> bool:
        """See `gateway.websocket.arrival.Host`."""
        return path in self._protocols

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, WebSocketConnection)
        assert connection.request is not None
        request = read(connection.request, connection.peer, session=connection.id.hex)
        protocol = self._protocols[request.path]
        conversation = self._reception.welcome(
            protocol,
            request,
            connection,
            name=request.session,
            who=connection.who,
            returning=request.parameter(_RETURNS) == "1",
        )
        await connection.serve(
            conversation, self._opening_s, speaks_in_text=protocol.speaks_in_text
        )

    def _subprotocol(self, arrival: Any, offered: Sequence[str]) -> Any:
        # The library gives what it believes to be the connection: see `Arrival`.
        request = arrival.connection.request
        path = request.path.partition("?")[0]
        return self._protocols[path].subprotocol(offered)

    def _let_in(
        self, connection: ServerConnection, received: Request
    ) -> Response | Coroutine[Any, Any, Response | None] | None:
        assert isinstance(connection, WebSocketConnection)
        request = read(received, connection.peer)
        connection.peer = self._proxies.client_by(connection.peer, request.headers)
        protocol = self._protocols[request.path]
        returning = request.parameter(_RETURNS) == "1"
        carrier = protocol.credential_in
        try:
            if protocol.signature:
                self._gate.check_signature(request.headers, protocol.signature, received.path)
            connection.who = self._gate.admit(
                HANDSHAKE,
                request.headers,
                connection.peer,
                query=request.query if carrier is not api.Carrier.HEADERS else None,
                later=carrier is api.Carrier.MESSAGES,
                resuming=returning,
            )
        except Denied as denied:
            self._metrics.refusals.labels(denied.code).inc()
            said = f"{denied.code}: {denied.message}"
            return _denied(denied.status, protocol.denial, said, denied.headers)
        try:
            self._reception.codec(protocol, request)
        except api.ClientError as error:
            self._metrics.refusals.labels(error.code).inc()
            return _denied(HTTPStatus.BAD_REQUEST, protocol.denial, error.message)
        answer = self._handshakes.ask(
            connection.id.hex,
            connection.who,
            self._reception.present,
            returning=returning,
        )
        if answer is None:
            return None
        if isinstance(answer, Refusal):
            return turned_away(answer, protocol.denial)

        async def wait() -> Response | None:
            refusal = await answer
            return None if refusal is None else turned_away(refusal, protocol.denial)

        return wait()


def read(request: Request, peer: str, *, session: str = "") -> api.Request:
    """Return a client's request as protocols see it."""
    path, _, query = request.path.partition("?")
    headers = api.by_name(request.headers.raw_items())
    offered = ",".join(headers.get("sec-websocket-protocol", ())).split(",")
    return api.Request(
        path=path,
        query=parse_qs(query, keep_blank_values=True),
        headers=headers,
        subprotocols=[name.strip() for name in offered if name.strip()],
        peer=peer,
        session=session,
    )


def turned_away(refusal: Refusal, denial: Callable[[int, str], api.Denial]) -> Response:
    """Return the answer to a refused handshake."""
    own_doing = refusal.reason in OWN_DOING
    status = HTTPStatus.TOO_MANY_REQUESTS if own_doing else HTTPStatus.SERVICE_UNAVAILABLE
    return _denied(status, denial, refusal.reason, {"Retry-After": str(refusal.retry_after)})


def _denied(
    status: HTTPStatus,
    denial: Callable[[int, str], api.Denial],
    reason: str,
    more: dict[str, str] | None = None,
) -> Response:
    said = denial(status, reason)
    headers = Headers(
        {
            "Content-Type": said.content_type,
            "Content-Length": str(len(said.body)),
            "Cache-Control": "no-store",
            "Connection": "close",
            **(more or {}),
        }
    )
    return Response(status, status.phrase, headers, said.body)
