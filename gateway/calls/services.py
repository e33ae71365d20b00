"""What the calls of a gateway share: whom they use, and for how long they wait."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from common.redis.link import Link
from common.telemetry.metrics import GatewayMetrics
from gateway.access.meter import Meter
from gateway.calls.absence import Absence
from gateway.calls.spans import Spans
from gateway.calls.store import SessionStore
from gateway.downlink.traces import Traces
from gateway.feed.feed import Feed
from gateway.standby import Standby
from gateway.uplink.writer import Uplink


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long calls wait, in seconds.

    `resume`: for a client whose connection broke; at most `absent` calls of one client wait.
    `words`: for words still to come. `retention`: how long a finished transcript stays readable.
    """

    resume: float
    absent: int
    words: float
    retention: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the calls of a gateway use. `forget` removes a call from admission's count."""

    link: Link
    uplink: Uplink
    feed: Feed
    traces: Traces
    spans: Spans
    store: SessionStore
    metrics: GatewayMetrics
    patience: Patience
    absent: Standby[Absence]
    meter: Meter
    forget: Callable[[str], Coroutine[Any, Any, None]]
