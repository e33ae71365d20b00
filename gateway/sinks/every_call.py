"""What sinks that get every call have in common."""

from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from common.telemetry.logs import Log
from gateway.calls.directory import Known
from gateway.calls.erasures import Did, Removal
from gateway.readers.rendering import Message
from gateway.sinks.filters import Filter
from gateway.sinks.tally import Tally

_log = Log(__name__)


def reason_of(error: Exception) -> str:
    """Return what an error says; its name if that is nothing."""
    return str(error) or type(error).__name__


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms such a sink gets results.

    A message is tried for `keep` seconds.
    """

    name: str
    which: Filter
    tally: Tally
    keep: float


class EveryCall:
    """The name, the filter, the patience and the counts of such a sink, which can remove calls."""

    removes = True

    def __init__(self, terms: Terms) -> None:
        self.name = terms.name
        self.keep = terms.keep
        self._which = terms.which
        self.tally = terms.tally

    def wants(self, known: Known) -> bool:
        """See `gateway.sinks.sink.Sink`."""
        return True

    def picks(self, message: Message) -> bool:
        """See `gateway.sinks.sink.Sink`."""
        return self._which.passes(message)

    def beside(self, known: Known) -> AbstractAsyncContextManager[None]:
        """See `gateway.sinks.sink.Sink`."""
        return nullcontext()

    def _failed(self, error: Exception) -> None:
        """Count an attempt that did not succeed, and tell an operator why."""
        reason = reason_of(error)
        _log.warning("sink.unavailable", sink=self.name, reason=reason)
        self.tally.failed(reason)

    def _unerased(self, error: Exception) -> Did:
        """The same where a call was to be erased."""
        self._failed(error)
        return Did(Removal.WAITING, reason_of(error))
