"""The check of queries finds what it is for."""

import pytest

from tests.promql import labels, mistakes, names

KNOWN = labels()


@pytest.mark.parametrize(
    ("expr", "wrong"),
    [
        ("callscribe_session", ["callscribe_session"]),
        ('callscribe_sessions{reason="lag"}', ["callscribe_sessions{reason}"]),
        (
            "sum by (stage) (callscribe_sessions)",
            ["by stage in sum by (stage) (callscribe_sessions)"],
        ),
        ("vector(0)", ["no metric in vector(0)"]),
        ("callscribe:lags:seconds", ["callscribe:lags:seconds"]),
    ],
)
def test_what_does_not_exist_is_found(expr, wrong):
    assert [*mistakes(expr, KNOWN)] == wrong


@pytest.mark.parametrize(
    "expr",
    [
        'rate(callscribe_refusals_total{reason=~"a=b|.*"}[5m])',
        "sum by (le, stage) (rate(callscribe_step_seconds_bucket[5m]))",
        "up == 0 and on (job, instance) callscribe_build_info",
        "callscribe:lag:seconds",
    ],
)
def test_what_exists_is_none(expr):
    assert [*mistakes(expr, KNOWN)] == []


def test_a_histogram_is_known_by_its_own_name():
    assert names("rate(callscribe_step_seconds_bucket[5m]) + redis_up") == {
        "callscribe_step_seconds",
        "redis_up",
    }
