"""How well silences end turns, by what gateways see afterwards."""

from dataclasses import dataclass
from typing import Self

from prometheus_client import CollectorRegistry, Counter, Histogram

_DELAYS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0)


@dataclass(frozen=True)
class TurnMetrics:
    """What silences ended, of live calls, by the option `endpointing`."""

    ends: Counter
    """Utterances with words that silence ended, by `judged`. `cut`: the same speaker went on
    within 2 s while nobody else spoke. Many of all: `silence_threshold` is too short, or
    `endpointing` should be `turn`."""
    delay: Histogram
    """Seconds of audio from the end of speech until silence ended it. It is what a bot waits
    before it answers."""

    @classmethod
    def build(cls, registry: CollectorRegistry) -> Self:
        """Register the group."""
        return cls(
            ends=Counter(
                "callscribe_turn_ends_total",
                "Utterances that silence ended, by what was said next",
                ["endpointing", "judged"],
                registry=registry,
            ),
            delay=Histogram(
                "callscribe_turn_delay_seconds",
                "From the end of speech to the decision that ends it",
                ["endpointing"],
                buckets=_DELAYS,
                registry=registry,
            ),
        )
