"""The drills in short: some alerts, provoked and seen; and the table of all of them."""

import pytest

from tests.drills.exercise import run
from tests.drills.monitoring import missing
from tests.drills.registry import DRILLS, WITHOUT
from tests.promql import rules


def test_every_alert_has_a_drill_or_a_reason():
    drilled = {alert for each in DRILLS for alert in each.alerts}
    alerts = {(rule.name, rule.labels["severity"]) for rule in rules("alerts.yml")}
    assert drilled <= alerts
    assert {name for name, _ in alerts - drilled} == {*WITHOUT}


@pytest.mark.nightly
@pytest.mark.skipif(bool(missing()), reason="there is no Prometheus")
@pytest.mark.timeout(240)
async def test_the_short_drills_are_seen():
    outcomes = await run([each for each in DRILLS if each.short])
    assert [each.drill.name for each in outcomes if not each.good] == []
    assert len(outcomes) >= 3
