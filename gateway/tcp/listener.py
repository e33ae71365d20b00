"""A port on which each TCP connection is a call."""

import asyncio
import ssl
from uuid import uuid4

from gateway.access.gate import Denied, Gate
from gateway.access.principal import Principal
from gateway.admission.capacity import Refusal
from gateway.admission.handshake import Handshakes
from gateway.conversations.reception import Reception
from gateway.protocols.api import Protocol, Request
from gateway.protocols.events import Failed
from gateway.tcp.connection import TcpConnection
from gateway.turns.crowd import Crowd

_MOST_HANDSHAKE = 10.0
"""Seconds that a client has for its TLS handshake: until then nothing counts it."""


class TcpListener:
    """Admits the clients of one protocol.

    `opening_s`: seconds that each has to open its call.
    """

    def __init__(
        self,
        protocol: Protocol,
        reception: Reception,
        handshakes: Handshakes,
        crowd: Crowd,
        *,
        gate: Gate,
        opening_s: float,
    ) -> None:
        self._protocol = protocol
        self._reception = reception
        self._handshakes = handshakes
        self._crowd = crowd
        self._gate = gate
        self._opening_s = opening_s
        self._asking: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen. Raises OSError."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: TcpConnection(self, self._crowd),
            host,
            port,
            ssl=tls,
            ssl_handshake_timeout=_MOST_HANDSHAKE if tls is not None else None,
        )

    @property
    def port(self) -> int:
        """The port on which it listens."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Accept no more connections."""
        self._server.close()

    def connected(self, connection: TcpConnection) -> None:
        """See `gateway.tcp.connection.Host`."""
        name = uuid4().hex
        try:
            who = self._gate.at_port(connection.peer)
        except Denied as denied:
            self._turn_away(connection, denied.code, denied.message)
            return
        answer = self._handshakes.ask(name, who, self._reception.present, returning=False)
        if answer is None or isinstance(answer, Refusal):
            self._answer(connection, name, who, answer)
            return

        async def wait() -> None:
            self._answer(connection, name, who, await answer)

        self._asking.add(task := asyncio.create_task(wait()))
        task.add_done_callback(self._asking.discard)

    def _answer(
        self, connection: TcpConnection, name: str, who: Principal, refusal: Refusal | None
    ) -> None:
        if refusal is None:
            request = Request(peer=connection.peer)
            conversation = self._reception.welcome(
                self._protocol, request, connection, name=name, who=who
            )
            connection.serve(conversation, self._opening_s)
            return
        text = f"{refusal.text}; try again in {refusal.retry_after} s"
        self._turn_away(connection, refusal.reason, text)

    def _turn_away(self, connection: TcpConnection, code: str, text: str) -> None:
        codec = self._reception.codec(self._protocol, Request(peer=connection.peer))
        connection.send_soon(codec.render(Failed(code, text, fatal=True), 0.0))
        connection.close_soon(0, code)
