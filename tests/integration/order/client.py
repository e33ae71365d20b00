"""A client of the native protocol that resumes as its page asks, and keeps all that it is told."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from gateway.access.principal import anonymous
from gateway.conversations.conversation import Conversation
from gateway.conversations.reasons import REVOKED
from gateway.protocols import PROTOCOLS
from gateway.protocols.api import Message, Request
from gateway.server import GatewayServer
from tests.integration.pipeline.calls import FINALIZE, FLUSH, config

_NATIVE = next(each for each in PROTOCOLS if each.name == "native")
_OPTIONS = config(silence_threshold=0.3, interim_results=False)
_MESSAGE = 16_000
"""Bytes: half a second."""
_ANSWERED = 300.0
"""Seconds within which a gateway answers, on a machine that is busy."""


class Connection:
    """One of the client's connections, as its conversation sees it."""

    def __init__(self, client: "Client") -> None:
        self.client = client
        self.told: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None

    def send_soon(self, messages: Sequence[Message]) -> None:
        """Take the server's messages."""
        assert self.closed is None, f"told after it was closed: {messages}"
        for message in messages:
            self.told.append(json.loads(message))
            if self.client.connection is self:  # nobody reads what a client has left
                self.client.take(self.told[-1])

    def close_soon(self, code: int, reason: str) -> None:
        """Take note that the server closes."""
        self.closed = self.closed or (code, reason)
        if self.client.connection is self and reason == "resumed_elsewhere":
            self.client.displaced = True
        self.client.changed.set()

    def set_paused(self, paused: bool) -> None:
        """It is read, whatever the server says: it sends little."""


class Client:
    """Says what it is told to; numbers its controls and keeps its audio, to say both again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.session = ""
        self.tenant = f"tenant-{name}"
        self.audio = b""
        self.controls: list[tuple[int, str]] = []
        """Where in its audio each text message was sent."""
        self.connections: list[Connection] = []
        self.finals: list[dict[str, Any]] = []
        self.problems: list[str] = []
        self.changed = asyncio.Event()
        self.token = ""
        self.displaced = False
        """Whether its newest connection was closed in favour of another, which it does not have."""
        self.ended = False
        """Whether the server said that the call is over, and only results are left."""
        self._conversation: Conversation | None = None
        self._catching_up = False
        """Whether it waits until it knows from where on to say everything again."""
        self._seq = 0

    # --- what it hears ---

    def take(self, message: dict[str, Any]) -> None:
        """Keep a message; note what no client may be told."""
        if message["type"] == "session_created":
            self.token = message["resume_token"]
        if "seq" in message and message["type"] == "final":
            if message["seq"] <= self._seq:
                self.problems.append(f"told twice: {message}")
            self._seq = message["seq"]
            self.finals.append(message)
        self.changed.set()

    @property
    def texts(self) -> list[str]:
        """What was heard of it, in order."""
        return [each["text"] for each in self.finals if each["text"]]

    @property
    def connection(self) -> Connection:
        """The newest connection."""
        return self.connections[-1]

    @property
    def errors(self) -> set[str]:
        """The codes of all errors that it was told."""
        return {
            each["code"] for one in self.connections for each in one.told if each["type"] == "error"
        }

    @property
    def present(self) -> bool:
        """Whether it has a connection."""
        return bool(self.connections) and self.connection.closed is None

    async def until(self, true: Callable[[], object], timeout: float) -> bool:
        """Wait for a condition that its messages make true; tell whether it came."""
        try:
            async with asyncio.timeout(timeout):
                while not true():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            return False
        return True

    # --- what it does ---

    def connect(self, gateway: GatewayServer, *, returning: bool = False) -> Connection:
        """Open one more connection."""
        connection = Connection(self)
        name = uuid4().hex
        self.session = self.session or name
        who = replace(anonymous(self.name), tenant=self.tenant)
        request = Request(path=_NATIVE.path, peer=self.name, session=name)
        self.connections.append(connection)
        self._conversation = gateway._reception.welcome(
            _NATIVE, request, connection, name=name, who=who, returning=returning
        )
        self._conversation.begin()
        return connection

    async def open(self, gateway: GatewayServer) -> None:
        """Open the call, and wait until it is open or refused."""
        connection = self.connect(gateway)
        self._send(_OPTIONS)
        await self.until(lambda: connection.told or connection.closed, _ANSWERED)

    def say(self, pcm: bytes) -> None:
        """Send audio."""
        self.audio += pcm
        if not self._catching_up:
            self._push(pcm)

    def flush(self) -> None:
        """Ask for what was said so far."""
        self._control(FLUSH)

    def finish(self) -> None:
        """Say that this was all."""
        self._control(FINALIZE)

    def vanish(self) -> None:
        """Lose the connection."""
        assert self._conversation is not None
        if self.connection.closed is None:
            self.connection.closed = (1006, "")
            self._conversation.vanish()
            self._conversation.forget_client()

    def hang_up(self) -> None:
        """Close the connection in order, which ends the call."""
        assert self._conversation is not None
        if self.connection.closed is None:
            self.connection.closed = (1000, "")
            self._conversation.hang_up()
            self._conversation.forget_client()

    def revoke(self) -> None:
        """Let its key be revoked."""
        assert self._conversation is not None
        self._conversation.refuse(REVOKED)

    async def resume(self, gateway: GatewayServer, attempt: int) -> dict[str, Any] | None:
        """Resume over a new connection; return what the server says of it, None if it refuses."""
        if not self.token:
            return None
        connection = self.connect(gateway, returning=True)
        resume = {"resume": self.token, "seq": self._seq, "attempt": attempt}
        self._send(json.dumps({"type": "config", **resume}))
        self._catching_up = True
        await self.until(lambda: connection.told or connection.closed, _ANSWERED)
        found = next((m for m in connection.told if m["type"] == "session_created"), None)
        if self.connection is connection:  # else it has left this one meanwhile
            self._catching_up = False
            self.ended = bool(found and found.get("ended"))
            if found is not None and not self.ended:
                self._repeat(found["position"], found["controls"])
        return found

    def _repeat(self, position: int, controls: int) -> None:
        """Send what the server lacks again, each control at its place."""
        at = 2 * position
        for where, text in self.controls[controls:]:
            self._push(self.audio[at:where])
            self._send(text)
            at = max(at, where)
        self._push(self.audio[at:])

    def _control(self, text: str) -> None:
        self.controls.append((len(self.audio), text))
        if not self._catching_up:
            self._send(text)

    def _push(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), _MESSAGE):
            if self.connection.closed is None:
                assert self._conversation is not None
                self._conversation.receive(pcm[at : at + _MESSAGE])

    def _send(self, text: str) -> None:
        if self.connection.closed is None:
            assert self._conversation is not None
            self._conversation.receive(text)
