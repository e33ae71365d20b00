"""What a protocol is: a pure codec for each connection, and where its clients connect.

A codec translates. A client's message becomes commands, a call's event becomes messages. It does no
I/O, reads no clock, and keeps only what its protocol needs to tell messages apart.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias

from common.errors import PeerMisbehaved
from common.options import SessionOptions
from gateway.protocols.commands import Command, Finish, Open
from gateway.protocols.controls import is_object
from gateway.protocols.events import Event, Failed

Message: TypeAlias = str | bytes
"""What a codec sends: a text or binary message over a WebSocket, bytes over TCP."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for when it connected; over plain TCP only its address is known.

    `query` has the values of each parameter in order, `headers` those of each field by its name in
    lower case. `subprotocols` are those that the client offers, `peer` is its address. `session` is
    the id of the call that the client may open.
    """

    path: str = ""
    query: Mapping[str, Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    subprotocols: Sequence[str] = ()
    peer: str = ""
    session: str = ""

    def parameter(self, name: str) -> str | None:
        """Return the last value of a parameter of the query, None without one."""
        values = self.query.get(name)
        return values[-1] if values else None


def by_name(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the values of each header field, in order, by its name in lower case."""
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return found


class ClientError(PeerMisbehaved):
    """The client broke its protocol; the message names the field and what is allowed.

    `code` is a stable label for programs. A fatal error ends the connection with the WebSocket
    close code `close_code` (RFC 6455, 7.4.1); otherwise `close_code` is None and the call goes on
    as if the offending message had not been sent.
    """

    def __init__(self, code: str, message: str, *, close_code: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.close_code = close_code
        self.before: Sequence[Command] = ()
        """What the client asked for before its mistake, where bytes over TCP have both."""

    @property
    def fatal(self) -> bool:
        """Whether the connection must be closed."""
        return self.close_code is not None

    @property
    def event(self) -> Failed:
        """The event that tells the client, for `Codec.render`."""
        return Failed(self.code, self.message, self.fatal)


class Codec(ABC):
    """One connection's codec; synchronous, and not to be shared by two connections.

    The methods that receive from the client raise only `ClientError`, whatever it sends. A message
    that raises has changed nothing of the call. Defaults suit a protocol that begins its call with
    a message and cannot resume it.
    """

    @property
    def verbatim(self) -> bool:
        """Whether a binary message is plain audio, which needs no translation."""
        return False

    @property
    def introduced(self) -> bool:
        """Whether the client has said enough to wait before it opens its call; see `Protocol`."""
        return True

    @property
    def divisible(self) -> bool:
        """Whether a long binary message may be handed over in pieces, as other calls run between.

        Audio that is only looked at is divisible without being `verbatim`.
        """
        return self.verbatim

    def connected(self) -> Sequence[Command]:
        """Return what follows from the request alone: a greeting, or a call that its URL opens."""
        return ()

    def is_control(self, data: bytes) -> bool:
        """Whether a binary message of a WebSocket is a text message, and no audio.

        Some clients send everything as bytes. By default a JSON object is one.
        """
        return is_object(data)

    @abstractmethod
    def receive_text(self, message: str) -> Sequence[Command]:
        """Translate one text message; over TCP there is none."""

    @abstractmethod
    def receive_binary(self, data: bytes) -> Sequence[Command]:
        """Translate one binary message, or bytes that came over TCP."""

    def receive_end(self) -> Sequence[Command]:
        """Translate the end of what the client sends over TCP, where it may still read."""
        return (Finish(),)

    def restore(self, opened: Open, *, denoised: bool, ended: bool) -> None:
        """Go on as the codec of a call that was opened so; `ended`: it was finished, too.

        `denoised`: it was opened with `denoise`, which can be switched then.
        Only after a `Resume`. Raises ClientError if the client has sent options beside `Resume`
        that are not the call's; that is fatal to the connection, not to the call.
        """
        raise NotImplementedError("this protocol resumes no call")

    @abstractmethod
    def render(self, event: Event, now: float) -> Sequence[Message]:
        """Translate one event into messages; none if the protocol has no message for it.

        `now` is wall-clock time in seconds since the Unix epoch.
        """

    def closing(self, close_code: int, reason: str) -> tuple[int, str]:
        """Return the protocol's own close code and reason for one of ours."""
        return close_code, reason


WARM = 3600.0
"""Seconds that a client may wait with its call where clients connect long before they speak."""


class Transport(Enum):
    """What a protocol's messages travel over."""

    WEBSOCKET = auto()
    TCP = auto()


class Carrier(Enum):
    """Where a protocol's clients can put an API key or token."""

    HEADERS = auto()
    """In a header or a subprotocol."""
    QUERY = auto()
    """There, or in the URL: some of its clients can set nothing else."""
    MESSAGES = auto()
    """There, or in the message that opens the call: `Open.credential`."""
    NOWHERE = auto()
    """The port belongs to one tenant."""


Builder: TypeAlias = Callable[[SessionOptions, Request], Codec]
"""Builds a codec. Raises `ClientError` for a request of no use; its handshake is then refused."""


@dataclass(frozen=True, slots=True)
class Denial:
    """The answer to a handshake that is refused, in a protocol's own form."""

    content_type: str
    body: bytes


def plain_denial(status: int, reason: str) -> Denial:
    """Return the answer of a protocol that has no form of its own; `reason` is a label."""
    return Denial("text/plain; charset=utf-8", f"refused: {reason}\n".encode())


def no_subprotocol(offered: Sequence[str]) -> str | None:
    """Choose none of the WebSocket subprotocols that a client offers."""
    return None


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol: how to build its codecs, and where its clients connect.

    `build` gets the options of a call that asks for nothing, and the client's request. `path` is
    its WebSocket path. `port` names the setting of the protocol's own port; without one, clients
    connect to the gateway's. `usual_port` is where clients expect that port. `resumable`: a call
    whose connection breaks waits for its client; otherwise it ends.

    `credential_in`: where its clients can put a key. `signature`: a header, in lower case, with
    their signature of the URL; see `gateway.access.signatures`.

    `speaks_in_text`: its audio comes in text messages, so a client may send many. `subprotocol`
    chooses from what a client offers. `denial` gets an HTTP status and a reason. A client that
    sends nothing for `idle_s` seconds is closed with the reason ``idle``; 0 lets it be silent. Its
    clients may open their calls `waits_s` seconds later than others; 0 where they open them soon.
    """

    name: str
    build: Builder
    path: str = ""
    transport: Transport = Transport.WEBSOCKET
    port: str = ""
    usual_port: int = 0
    resumable: bool = False
    credential_in: Carrier = Carrier.HEADERS
    signature: str = ""
    speaks_in_text: bool = False
    subprotocol: Callable[[Sequence[str]], str | None] = no_subprotocol
    denial: Callable[[int, str], Denial] = plain_denial
    idle_s: float = 0.0
    waits_s: float = 0.0

    def port_in(self, settings: object) -> int | None:
        """Return the port that settings give it; None where it has none of its own."""
        port: int | None = getattr(settings, self.port) if self.port else None
        return port
