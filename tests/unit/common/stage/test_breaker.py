"""The circuit breaker as its worker knows it; Redis is not asked."""

from typing import Any, cast

from prometheus_client import CollectorRegistry

from common.bus.keys import Leg
from common.redis.link import Link
from common.stage.api import Assignment
from common.stage.breaker import Breaker
from common.telemetry.metrics import StageMetrics

WORK: Assignment[Any] = Assignment("key", Leg.parse("0" * 32 + ".0"), None, b"1-0", 3, b"", "owner")


def test_it_counts_as_closed_when_nothing_was_held_back_for_a_while():
    registry = CollectorRegistry()
    breaker = Breaker(cast(Link, None), "toy", StageMetrics.build(registry, "toy"))

    def is_open() -> float | None:
        return registry.get_sample_value("callscribe_breaker_open", {"stage": "toy"})

    breaker.hold_back(WORK, 0.0)
    breaker.hold_back(WORK, 4.0)
    breaker.attend(13.0)
    assert is_open() == 1
    breaker.attend(13.1)
    assert is_open() == 0


def test_work_waits_before_it_is_opened_again():
    breaker = Breaker(cast(Link, None), "toy", StageMetrics.build(CollectorRegistry(), "toy"))
    breaker.hold_back(WORK, 10.0)
    assert breaker.holds(WORK.entry, 12.9)
    assert not breaker.holds(WORK.entry, 13.0)
    assert not breaker.holds(b"2-0", 10.0)
