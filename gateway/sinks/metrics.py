"""What came of results that were brought elsewhere."""

from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry, Counter


@dataclass(frozen=True)
class SinkMetrics:
    """Of one gateway; no call is delayed by what they count."""

    webhooks: Counter
    """Attempts by `outcome`: delivered, refused, unreachable, forbidden; and `dropped` calls.
    `refused` or `unreachable` rising: a receiver is in trouble. `forbidden`: a receiver's name
    leads to an address outside `--webhook-networks`."""
    sinks: Counter
    """Writes by `sink` and `outcome`: delivered, failed; and `dropped` calls. `failed` without
    `delivered`: the sink is away or full; `sink.unavailable` in the log says why."""

    @classmethod
    def build(cls, registry: CollectorRegistry) -> Self:
        """Register the group."""
        return cls(
            webhooks=Counter(
                "callscribe_webhook_attempts_total",
                "Messages posted to webhooks",
                ["outcome"],
                registry=registry,
            ),
            sinks=Counter(
                "callscribe_sink_attempts_total",
                "Writes to sinks",
                ["sink", "outcome"],
                registry=registry,
            ),
        )
