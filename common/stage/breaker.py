"""The circuit breaker of a stage: what to do with work items while too many are given up."""

from typing import Any

from common.bus.dead_letters import WINDOW, breaker_open
from common.redis.link import Link
from common.stage.api import Assignment
from common.telemetry.logs import Log
from common.telemetry.metrics import StageMetrics

_AGAIN_AFTER = 3.0
"""Seconds until a work item that is held back is opened again."""
_CLOSED_AFTER = 3 * _AGAIN_AFTER
"""Seconds with no work item held back until the breaker counts as closed: decodes may be long."""

_log = Log(__name__)


class Breaker:
    """Remembers which work items wait, and tells the operator. Redis knows whether it is open."""

    def __init__(self, link: Link, stage: str, metrics: StageMetrics) -> None:
        self._link = link
        self._stage = stage
        self._metrics = metrics
        self._waiting: dict[bytes, float] = {}
        self._last: float | None = None
        """When the last work item was held back; None while the breaker counts as closed."""

    async def is_open(self) -> bool:
        """Ask whether a dead letter would be refused now. Waits as long as Redis is away."""
        return await breaker_open(self._link, self._stage)

    def hold_back(self, assignment: Assignment[Any], now: float) -> None:
        """Make a work item wait for a while; this worker stays its owner."""
        if self._last is None:
            self._metrics.breaker_open.set(1)
            _log.error("breaker.open", work_item=assignment.key, window_s=WINDOW)
        self._last = now
        self._waiting[assignment.entry] = now + _AGAIN_AFTER

    def holds(self, entry: bytes, now: float) -> bool:
        """Tell whether the work item of this entry still has to wait."""
        if self._waiting.get(entry, now) > now:
            return True
        self._waiting.pop(entry, None)
        return False

    def attend(self, now: float) -> None:
        """Notice that the breaker has closed."""
        if self._last is not None and now - self._last > _CLOSED_AFTER:
            self._last = None
            self._waiting.clear()
            self._metrics.breaker_open.set(0)
            _log.info("breaker.closed", stage=self._stage)
