"""One client's TCP connection: bytes in, handed over in turns; bytes out, in order.

It has the budget of a WebSocket connection: a client that sends more than its share is read later.
"""

import asyncio
import socket
from collections.abc import Sequence
from time import monotonic
from typing import Protocol, cast

from common.telemetry.logs import Log
from gateway.conversations.conversation import Conversation
from gateway.protocols.api import Message
from gateway.turns.budget import PIECE, TURN, Budget
from gateway.turns.crowd import Crowd

MOST_BUFFERED = 1 << 20
"""Bytes that may lie in a client's socket unsent before it is cut off."""
MOST_CLOSING = 10.0
"""Seconds that a client has to read the last lines."""
_MOST_EARLY = 1 << 16
"""Bytes that may wait for their turn; more are not read until then."""
_KEEPALIVE = {"TCP_KEEPIDLE": 20, "TCP_KEEPINTVL": 20, "TCP_KEEPCNT": 2}
"""Seconds, and number of probes: TCP has no pings, so the kernel detects a dead peer."""

_log = Log(__name__)


class Host(Protocol):
    """Accepts connections."""

    def connected(self, connection: "TcpConnection") -> None:
        """Take note of a new connection; it is read once it has a conversation."""


class TcpConnection(asyncio.Protocol):
    """Implements `gateway.conversations.client.Client`."""

    def __init__(self, host: Host, crowd: Crowd) -> None:
        self.peer = ""
        """The client's address."""
        self._host = host
        self._crowd = crowd
        self._budget = Budget(crowd.lane)
        self._conversation: Conversation | None = None
        self._opening: asyncio.TimerHandle | None = None
        """Ends a connection that opens no call."""
        self._rest = bytearray()
        """What has arrived and is not handled yet."""
        self._waiting = True
        """Whether nothing is handled until the next turn."""
        self._reading_paused = False
        self._ended = False
        """Whether the client sends nothing more."""
        self._end_told = False
        self._closing = False

    # --- the socket ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast(asyncio.Transport, transport)
        if self._crowd.descriptors.scarce(transport):
            self._closing = True
            self._transport.abort()
            return
        self._transport.pause_reading()
        peer = transport.get_extra_info("peername")
        self.peer = str(peer[0]) if peer is not None else ""
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        self._host.connected(self)

    def data_received(self, data: bytes) -> None:
        """Handle what arrived, for as long as this connection's turn lasts."""
        if self._closing:
            return
        self._rest += data
        if not self._waiting:
            self._turn()
        elif len(self._rest) > _MOST_EARLY:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Handle the rest; the client may still read, but not over TLS."""
        self._ended = True
        if not self._waiting:
            self._turn()
        return not self._closing and self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the conversation."""
        self._rest.clear()
        self._waiting = True
        if self._opening is not None:
            self._opening.cancel()
        if self._conversation is not None:
            self._conversation.vanish()
            self._conversation.forget_client()

    # --- turns ---

    def serve(self, conversation: Conversation, patience: float) -> None:
        """Begin to read, for this conversation.

        A client that has not opened its call after `patience` seconds is overdue.
        """
        self._conversation = conversation
        if self._transport.is_closing():  # lost while it was asked whether there is room
            self.connection_lost(None)
            return
        loop = asyncio.get_running_loop()
        self._opening = loop.call_later(patience, conversation.overdue)
        conversation.begin()
        if not self._closing:
            self._waiting = False
            self._turn()

    def go_on(self) -> None:
        """See `gateway.turns.crowd.Member`."""
        if not self._transport.is_closing():
            self._waiting = False
            self._turn()

    def abort(self) -> None:
        """Close without a message."""
        self._transport.abort()

    def _turn(self) -> None:
        """Handle what has arrived for as long as this connection's turn lasts."""
        conversation = self._conversation
        assert conversation is not None
        now = began = monotonic()
        while self._rest and not self._reading_paused and not self._closing:
            piece = bytes(self._rest[:PIECE])
            del self._rest[: len(piece)]
            try:
                conversation.receive(piece)
            except Exception as error:
                conversation.fail(error)
            now = monotonic()
            if now - began > TURN:
                break
        pause = self._budget.spend(now - began, now)
        if self._reading_paused or self._closing:
            return
        if self._rest or pause:
            self._waiting = True
            self._transport.pause_reading()
            self._crowd.wait(self, pause)
        elif self._ended and not self._end_told:
            self._end_told = True
            conversation.receive_end()
        else:
            self._transport.resume_reading()

    # --- to the client ---

    def send_soon(self, messages: Sequence[Message]) -> None:
        """See `Client`; a client that reads nothing is cut off."""
        if self._closing:
            return
        for message in messages:
            assert isinstance(message, bytes)
            self._transport.write(message)
        if (unsent := self._transport.get_write_buffer_size()) > MOST_BUFFERED:
            _log.warning("client.too_slow", unsent=unsent)
            self._transport.abort()

    def close_soon(self, code: int, reason: str) -> None:
        """See `Client`; TCP has no codes, so the connection just ends."""
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_later(MOST_CLOSING, self._transport.abort)
            if self._ended or not self._transport.can_write_eof():
                self._transport.close()
                return
            # To close with unread bytes would send a reset, and the client might lose its last
            # line.
            self._transport.write_eof()
            self._transport.resume_reading()

    def set_paused(self, paused: bool) -> None:
        """See `Client`."""
        if paused == self._reading_paused or self._closing:
            return
        self._reading_paused = paused
        if paused:
            self._transport.pause_reading()
        elif self._conversation is not None and not self._transport.is_closing():
            self._waiting = True
            self._crowd.wait(self, 0.0)
