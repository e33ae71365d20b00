"""Prometheus's rules: what they name exists, each is tested, and each alert has its page."""

import re

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.promql import labels, mistakes, rules
from tests.unit.deploy.promtool import promtool

FOLDER = ROOT / "deploy" / "prometheus"
TESTS = sorted((FOLDER / "tests").glob("*.yml"))
PAGES = ROOT / "docs" / "runbooks"
SECTIONS = ["What it means", "What to look at", "What to do"]
ALERTS = rules("alerts.yml")
NAMES = sorted({alert.name for alert in ALERTS})


def test_prometheus_accepts_its_configuration_and_its_rules():
    told = promtool("check", "config", str(FOLDER / "prometheus.yml"))
    assert "2 rule files found" in told


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_rules_pass_their_tests(path):
    assert "SUCCESS" in promtool("test", "rules", str(path))


@pytest.mark.parametrize("rule", [*ALERTS, *rules("recording.yml")], ids=lambda rule: rule.name)
def test_a_rule_names_what_exists(rule):
    assert [*mistakes(rule.expr, labels())] == []


def outcomes() -> set[tuple[str, str | None]]:
    """Return each alert with a severity with which a test sees it fire, None for not at all."""
    found: set[tuple[str, str | None]] = set()
    for path in TESTS:
        for test in YAML(typ="safe").load(path.read_text())["tests"]:
            for case in test["alert_rule_test"]:
                fired = [each["exp_labels"]["severity"] for each in case["exp_alerts"]]
                found |= {(case["alertname"], severity) for severity in fired or [None]}
    return found


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_a_test_sees_an_alert_fire_and_not_fire(alert):
    assert {(alert.name, alert.labels["severity"]), (alert.name, None)} <= outcomes()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_says_how_urgent_it_is_what_happens_and_what_to_do(alert):
    assert alert.labels["severity"] in ("page", "ticket")
    assert {*alert.annotations} == {"summary", "runbook"}
    assert alert.annotations["runbook"] == f"docs/runbooks/{alert.name}.md"


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_has_its_sections_and_queries_that_work(name):
    page = (PAGES / f"{name}.md").read_text()
    assert page.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == SECTIONS
    queries = [each for each in re.findall(r"`([^`]+)`", page) if "callscribe_" in each]
    assert queries
    known = labels()
    assert [wrong for each in queries for wrong in mistakes(each, known)] == []


def test_every_runbook_is_of_an_alert_and_listed():
    assert sorted(p.stem for p in PAGES.glob("*.md") if p.stem != "README") == NAMES
    index = (PAGES / "README.md").read_text()
    told = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| ([\w, ]+) \|", index, re.MULTILINE)
    assert [name for name, _, _ in told] == [page for _, page, _ in told]
    severities: dict[str, list[str]] = {}
    for alert in ALERTS:
        severities.setdefault(alert.name, []).append(alert.labels["severity"])
    assert {name: sorted(text.split(", ")) for name, _, text in told} == {
        name: sorted(each) for name, each in severities.items()
    }
