"""Alertmanager's own checker, on its configuration; and what that says of our alerts."""

import re
import shutil
import subprocess
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.promql import rules
from tests.unit.deploy.test_rules import refusals

CONFIG = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
CHECKED = YAML(typ="safe").load(CONFIG.read_text())
INHIBITIONS: list[dict[str, Any]] = CHECKED["inhibit_rules"]
ALERTS = rules("alerts.yml")
NAMES = {alert.name for alert in ALERTS}
_MATCHER = re.compile(r'(\w+) (=~?) "?([^"]+)"?')


def amtool(*arguments: str) -> str:
    """Run amtool, which must find nothing wrong; return what it prints, or skip the test."""
    if shutil.which("amtool") is None:
        pytest.skip("there is no amtool")
    done = subprocess.run(["amtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def matched(matchers: list[str]) -> dict[str, list[str]]:
    """Return the values that each label may have."""
    parts = [_MATCHER.fullmatch(each) for each in matchers]
    return {part[1]: part[3].split("|") for part in parts if part is not None}


def severities(matchers: list[str]) -> set[str]:
    """Return how urgent the alerts are that some matchers mean."""
    wanted = matched(matchers)
    names = wanted.get("alertname", NAMES)
    found = {alert.labels["severity"] for alert in ALERTS if alert.name in names}
    return found & {*wanted.get("severity", found)}


def test_alertmanager_accepts_its_configuration():
    told = amtool("check-config", str(CONFIG))
    assert "2 receivers" in told
    assert f"{len(INHIBITIONS)} inhibit rules" in told


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_goes_where_its_severity_says(alert):
    labels = f"alertname={alert.name}", f"severity={alert.labels['severity']}"
    told = amtool("config", "routes", "test", f"--config.file={CONFIG}", *labels)
    assert told.split() == [alert.labels["severity"]]


def test_what_has_another_severity_is_a_page():
    told = amtool("config", "routes", "test", f"--config.file={CONFIG}", "severity=critical")
    assert told.split() == ["page"]


@pytest.mark.parametrize("each", INHIBITIONS, ids=str)
def test_an_inhibition_is_of_alerts_and_reasons_that_exist(each):
    for side in ("source_matchers", "target_matchers"):
        wanted = matched(each[side])
        assert len(wanted) == len(each[side])
        assert wanted.keys() <= {"alertname", "severity", "reason", "job"}
        assert {*wanted.get("alertname", ())} <= NAMES
        for reason in wanted.get("reason", ()):
            assert any(re.fullmatch(reason, known) for known in refusals())


@pytest.mark.parametrize("each", INHIBITIONS, ids=str)
def test_a_ticket_hides_no_page(each):
    hidden = severities(each["target_matchers"])
    assert hidden
    assert severities(each["source_matchers"]) == {"page"} or hidden == {"ticket"}


def test_the_page_of_runbooks_tells_what_follows_from_what():
    page = (ROOT / "docs" / "runbooks.md").read_text()
    _, _, table = page.partition("| while this fires |")
    told = [
        tuple(re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:3])
        for line in table.partition("\n\n")[0].splitlines()[2:]
    ]
    assert told == [
        tuple(
            [
                each
                for label in ("alertname", "reason")
                for each in matched(rule[side]).get(label, ())
            ]
            for side in ("source_matchers", "target_matchers")
        )
        for rule in INHIBITIONS
    ]
