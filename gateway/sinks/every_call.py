"""What sinks that get every call have in common."""

from collections.abc import Callable

from common.telemetry.logs import Log
from gateway.calls.directory import Known

_log = Log(__name__)


class EveryCall:
    """The name, the patience and the counts of such a sink.

    `counted` gets the outcome of every attempt, each tried for `keep` seconds.
    """

    def __init__(self, name: str, counted: Callable[[str], None], keep: float) -> None:
        self.name = name
        self.keep = keep
        self._counted = counted

    def wants(self, known: Known) -> bool:
        """See `gateway.sinks.sink.Sink`."""
        return True

    def _delivered(self) -> None:
        """Count an attempt that succeeded."""
        self._counted("delivered")

    def _failed(self, error: Exception) -> None:
        """Count one that did not, and tell an operator why."""
        reason = str(error) or type(error).__name__
        _log.warning("sink.unavailable", sink=self.name, reason=reason)
        self._counted("failed")
