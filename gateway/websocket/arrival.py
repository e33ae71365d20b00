"""A new socket, until its first request shows who gets it: a WebSocket, or the HTTP server."""

import asyncio
from typing import Protocol, cast

from websockets.server import ServerProtocol

from gateway.turns.crowd import Crowd
from gateway.turns.descriptors import is_probe
from gateway.websocket import limits
from gateway.websocket.connection import WebSocketConnection
from gateway.websocket.request import HeadReader

_SHORT_S = 1.0
"""Seconds that a peer has for its request's head where descriptors are scarce."""
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Length: 0\r\n\r\n"
)


class Host(Protocol):
    """Accepts connections."""

    def serves(self, path: str) -> bool:
        """Whether a WebSocket handshake at this path is for a protocol."""

    def http(self, goes_on: bool) -> asyncio.Protocol:
        """Return what answers a plain HTTP request; `goes_on`: see `Head`."""


class Arrival(asyncio.Protocol):
    """What the socket's bytes go to at first.

    The library takes it for the connection that it is to make, whose `protocol` it looks at.
    """

    def __init__(self, connection: WebSocketConnection, host: Host, crowd: Crowd) -> None:
        self.connection = connection
        self.peer = ""
        """The client's address."""
        self._host = host
        self._crowd = crowd
        self._head = HeadReader()
        self._scarce = False
        """Whether this socket is one of the last, which are for probes."""

    @property
    def protocol(self) -> ServerProtocol:
        """The library's protocol of the connection."""
        return self.connection.protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast(asyncio.Transport, transport)
        # The peer may already be gone, and then has no address.
        if (peer := transport.get_extra_info("peername")) is not None:
            self.peer = str(peer[0])
        self._scarce = self._crowd.descriptors.scarce(transport)
        self._crowd.enter(self)
        loop = asyncio.get_running_loop()
        patience = _SHORT_S if self._scarce else limits.MOST_HEAD
        self._deadline = loop.call_later(patience, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        """Read the request's head; then hand the socket over."""
        head = self._head.push(data)
        if head is None:
            return
        self._leave()
        if self._scarce and not is_probe(head.data):
            self.connection.discard()
            self._transport.write(_FULL)
            self._transport.close()
            return
        if head.path is not None and self._host.serves(head.path):
            self._transport.set_protocol(self.connection)
            self.connection.connection_made(self._transport)
            self.connection.shake_hands(head.data, head.rest)
            return
        self.connection.discard()
        server = self._host.http(head.goes_on)
        self._transport.set_protocol(server)
        server.connection_made(self._transport)
        server.data_received(head.data + head.rest if head.goes_on else head.data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it: there was no request."""
        self._leave()
        self.connection.discard()

    def go_on(self) -> None:
        """See `gateway.turns.crowd.Member`; it never waits for a turn."""

    def abort(self) -> None:
        """Close without a message."""
        self._transport.abort()

    def _leave(self) -> None:
        self._deadline.cancel()
        self._crowd.leave(self)
