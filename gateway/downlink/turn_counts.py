"""Counts how well silences end the turns of a call: for all calls, and for its tenant."""

from collections.abc import Iterable

from common.audio import seconds
from common.options import SessionOptions
from common.telemetry.turn_metrics import TurnMetrics
from gateway.access.meter import Meter
from gateway.access.tenant_metrics import Speech
from gateway.downlink.judgements import Judged, Judgements
from gateway.protocols.events import Final

UNKNOWN = "unknown"
"""The label of a language that no recogniser tells."""
ORPHANED = "orphaned"
"""The label of the protocol where a gateway goes on with a call without its client."""


class TurnCounts:
    """Counts for one call of a tenant, over a protocol; empty without a client."""

    def __init__(
        self,
        metrics: TurnMetrics,
        meter: Meter,
        options: SessionOptions,
        *,
        tenant: str,
        protocol: str,
    ) -> None:
        self.options = options
        self._metrics = metrics
        self._meter = meter
        self._tenant = tenant
        self._protocol = protocol or ORPHANED
        self._judgements = Judgements()

    def note(self, final: Final) -> None:
        """Measure how well silence ended a live utterance with words, and those before it."""
        if final.reason == "silence":
            delay = seconds(final.at - final.end)
            self._metrics.delay.labels(self.options.endpointing).observe(delay)
            self._meter.note_turn_delay(self._speech(final), delay)
        self._count(self._judgements.note(final))

    def close(self) -> None:
        """Count what the end of the call tells of its last utterances."""
        self._count(self._judgements.close())

    def _count(self, judged: Iterable[Judged]) -> None:
        for final, verdict in judged:
            self._metrics.ends.labels(self.options.endpointing, verdict).inc()
            self._meter.note_turn_end(self._speech(final), verdict)

    def _speech(self, final: Final) -> Speech:
        language = final.language or self.options.language or UNKNOWN
        return Speech(self._tenant, language, self._protocol)
