"""What all conversations of a gateway share."""

from dataclasses import dataclass

from common.telemetry.metrics import GatewayMetrics
from gateway.access.gate import Gate
from gateway.admission.handshake import Handshakes
from gateway.calls.opening import Openings
from gateway.calls.spans import Spans
from gateway.calls.table import Calls
from gateway.conversations.newcomers import Newcomers
from gateway.feed.feed import Feed


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the conversations of a gateway use. `gateway` is its name."""

    gateway: str
    gate: Gate
    calls: Calls
    openings: Openings
    feed: Feed
    handshakes: Handshakes
    metrics: GatewayMetrics
    spans: Spans
    newcomers: Newcomers
