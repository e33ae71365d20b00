"""What all sessions of a gateway share, and what they see of their connections."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from common.bus.link import Link
from common.telemetry.metrics import GatewayMetrics
from gateway.door import Door
from gateway.downlink import Downlink
from gateway.fleet import Fleet
from gateway.roster import Roster
from gateway.settings import GatewaySettings
from gateway.uplink import Uplink

if TYPE_CHECKING:
    from gateway.session import Session


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
    fleet: Fleet
    roster: Roster
    door: Door
    metrics: GatewayMetrics
    owned: "dict[str, Session]" = field(default_factory=dict)
    """The sessions that this gateway owns, by their id."""
