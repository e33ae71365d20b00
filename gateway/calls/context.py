"""What all sessions of a gateway share, and what they see of their connections."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from common.rates import Rates
from common.redis.link import Link
from common.telemetry.metrics import GatewayMetrics
from gateway.admission.handshake import Handshakes
from gateway.admission.workers import Workers
from gateway.calls.absence import Absence
from gateway.calls.standby import Standby
from gateway.calls.store import SessionStore
from gateway.downlink.reader import Downlink
from gateway.settings import GatewaySettings
from gateway.uplink.writer import Uplink

RESUMES = (0.5, 10.0)
"""How often one call may be resumed: so many a second, and together. Two connections that take a
call from each other would go on for ever."""


class Owner(Protocol):
    """A connection that has a call."""

    def supersede(self) -> None:
        """Let go of the call: its client has come back on another connection."""


class Unopened(Hashable, Protocol):
    """A connection that has no call yet."""

    def give_up(self) -> None:
        """Send the client away."""


class Client(Protocol):
    """The connection as its session sees it; every method returns at once."""

    def send_soon(self, messages: Sequence[str | bytes]) -> None:
        """Queue messages for the client."""

    def close_soon(self, code: int, reason: str) -> None:
        """Close the connection once everything queued was sent."""

    def hold(self, held: bool) -> None:
        """Stop, or go on, reading from the socket."""


class Nobody:
    """The client of a call that has none any more."""

    def send_soon(self, messages: Sequence[str | bytes]) -> None:
        """See `Client`."""

    def close_soon(self, code: int, reason: str) -> None:
        """See `Client`."""

    def hold(self, held: bool) -> None:
        """See `Client`."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway process."""

    name: str
    settings: GatewaySettings
    link: Link
    uplink: Uplink
    downlink: Downlink
    fleet: Workers
    roster: SessionStore
    door: Handshakes
    metrics: GatewayMetrics
    owned: dict[str, Owner] = field(default_factory=dict)
    """Who owns the sessions of this gateway, by their id."""
    unopened: Standby[Unopened] = field(default_factory=Standby)
    """Connections that have not opened their call yet."""
    absent: Standby[Absence] = field(default_factory=Standby)
    """Calls that wait for their client."""
    resumes: Rates = field(default_factory=lambda: Rates(*RESUMES))
