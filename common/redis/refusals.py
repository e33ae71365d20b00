"""What Redis refuses for a while, in its own words: each episode is told once."""

import asyncio
from collections.abc import Sequence

from common.redis.resp import Reply, passing_refusal
from common.telemetry.logs import Log
from common.telemetry.metrics import BusMetrics

_QUIET = 3.0
"""Seconds without a refusal that end an episode. Whatever is refused is repeated within one, and a
process writes its heartbeat more often than this."""
_PASSING_BY = {"UNBLOCKED", "EXECABORT", "TRYAGAIN"}
"""Refusals that are no trouble of the server: of another command's sake, or while slots move."""
_LONGEST = 160

_log = Log(__name__)


class Refusals:
    """What one process is refused, by all its connections."""

    def __init__(self, metrics: BusMetrics | None = None) -> None:
        self._metrics = metrics
        self._told: set[str] = set()
        self._words: str | None = None
        self._began = self._last = 0.0

    @property
    def reason(self) -> str | None:
        """Say that Redis refuses writes, and why; None while it does not."""
        return None if self._words is None else f"Redis refuses writes: {self._words}"

    def note(self, server: object, replies: Sequence[Reply]) -> bool:
        """Take note of what `server` answered; tell whether a temporary refusal is among it."""
        # Nearly all replies are ids; recognising these first costs a tenth.
        others = (each for each in replies if type(each) is not bytes)
        refusal = next((words for each in others if (words := passing_refusal(each))), None)
        if refusal is None:
            return False
        if self._metrics is not None:
            self._metrics.errors.labels("refused").inc()
        kind = refusal.partition(" ")[0]
        if kind not in _PASSING_BY:
            self._begin(server, kind, refusal)
        return True

    def _begin(self, server: object, kind: str, refusal: str) -> None:
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        if self._words is None:
            self._began = self._last
            loop.call_later(_QUIET, self._end_if_quiet)
        # What follows its first sentence is advice, and where a script was.
        self._words = refusal.partition(". ")[0].removesuffix(".")[:_LONGEST]
        if kind not in self._told:
            self._told.add(kind)
            _log.error("redis.refuses", reason=self._words, server=str(server))

    def _end_if_quiet(self) -> None:
        loop = asyncio.get_running_loop()
        if (left := self._last + _QUIET - loop.time()) > 0:
            loop.call_later(left, self._end_if_quiet)
            return
        _log.info("redis.accepts", after_s=round(self._last - self._began, 1))
        self._words = None
        self._told.clear()
