"""How well silences end turns, counted for all calls and for their tenants."""

from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from common.options import SessionOptions
from common.redis.link import Link
from common.telemetry.turn_metrics import TurnMetrics
from gateway.access.meter import Meter
from gateway.access.tenant_metrics import TenantMetrics
from gateway.downlink.turn_counts import ORPHANED, UNKNOWN, TurnCounts
from tests.unit.gateway.downlink.test_judgements import final


class Counted:
    def __init__(self, protocol: str = "native", language: str | None = None) -> None:
        self.registry = CollectorRegistry()
        self.counts = TurnCounts(
            TurnMetrics.build(self.registry),
            Meter(cast(Link, None), TenantMetrics.build(self.registry)),
            SessionOptions(language=language),
            tenant="acme",
            protocol=protocol,
        )

    def of(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"callscribe_{name}", labels)

    def ends(self, language: str, judged: str, protocol: str = "native") -> float | None:
        labels = {"tenant": "acme", "language": language, "protocol": protocol, "judged": judged}
        return self.of("tenant_turn_ends_total", **labels)


def test_a_turn_is_counted_for_all_and_for_its_tenant_in_the_language_it_was_heard_in():
    counted = Counted()
    for said in (
        final(0, 1, language="German", at=24_000),
        final(2, 3, language="English", at=56_000),
        final(8, 9, language="English", at=160_000),
    ):
        counted.counts.note(said)
    assert counted.ends("German", "cut") == 1
    assert counted.ends("English", "over") is None
    counted.counts.close()
    assert counted.ends("English", "over") == 2
    assert counted.of("turn_ends_total", endpointing="silence", judged="over") == 2
    german = {"tenant": "acme", "language": "German", "protocol": "native"}
    assert counted.of("tenant_turn_delay_seconds_sum", **german) == pytest.approx(0.5)
    assert counted.of("tenant_turn_delay_seconds_count", **german) == 1
    assert counted.of("turn_delay_seconds_count", endpointing="silence") == 3


def test_what_silence_did_not_end_has_no_delay():
    counted = Counted(language="French")
    counted.counts.note(final(0, 1, reason="flush"))
    counted.counts.close()
    assert counted.of("turn_delay_seconds_count", endpointing="silence") is None
    assert counted.ends("French", "over") is None


@pytest.mark.parametrize(
    ("asked", "protocol", "language", "named"),
    [
        ("French", "vosk", "French", "vosk"),
        (None, "vosk", UNKNOWN, "vosk"),
        (None, "", UNKNOWN, ORPHANED),
    ],
)
def test_what_is_not_told_has_a_name_too(asked, protocol, language, named):
    counted = Counted(protocol, asked)
    counted.counts.note(final(0, 1))
    counted.counts.close()
    assert counted.ends(language, "over", named) == 1
