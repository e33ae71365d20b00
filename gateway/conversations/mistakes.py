"""A trace of clients' mistakes that end no call: many protocols cannot tell their client."""

from common.telemetry.logs import Log
from common.telemetry.metrics import GatewayMetrics
from gateway.protocols.api import ClientError

_log = Log(__name__)


class Mistakes:
    """Counts those of one conversation, and logs the first with each code."""

    def __init__(self, metrics: GatewayMetrics) -> None:
        self._metrics = metrics
        self._logged: set[str] = set()

    def note(self, session: str, error: ClientError) -> None:
        """Take note of one."""
        self._metrics.mistakes.labels(error.code).inc()
        if error.code not in self._logged:
            self._logged.add(error.code)
            _log.warning("session.mistake", session=session, code=error.code)
            # It quotes the client, who may have sent words of the call.
            _log.debug("session.mistake_text", session=session, reason=error.message)
