"""What sinks that get every call have in common."""

from collections.abc import Callable
from dataclasses import dataclass

from common.telemetry.logs import Log
from gateway.calls.directory import Known
from gateway.readers.rendering import Message
from gateway.sinks.filters import Filter

_log = Log(__name__)


def reason_of(error: Exception) -> str:
    """Return what an error says; its name if that is nothing."""
    return str(error) or type(error).__name__


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms such a sink gets results.

    `counted` gets the outcome of every attempt, each tried for `keep` seconds.
    """

    name: str
    which: Filter
    counted: Callable[[str], None]
    keep: float


class EveryCall:
    """The name, the filter, the patience and the counts of such a sink."""

    def __init__(self, terms: Terms) -> None:
        self.name = terms.name
        self.keep = terms.keep
        self._which = terms.which
        self._counted = terms.counted

    def wants(self, known: Known) -> bool:
        """See `gateway.sinks.sink.Sink`."""
        return True

    def picks(self, message: Message) -> bool:
        """See `gateway.sinks.sink.Sink`."""
        return self._which.passes(message)

    def _delivered(self) -> None:
        """Count an attempt that succeeded."""
        self._counted("delivered")

    def _failed(self, error: Exception) -> None:
        """Count one that did not, and tell an operator why."""
        _log.warning("sink.unavailable", sink=self.name, reason=reason_of(error))
        self._counted("failed")
