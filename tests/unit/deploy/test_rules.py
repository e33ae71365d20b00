"""Prometheus's rules: what they name exists, each is tested, and each alert has its page."""

import ast
import re
from collections.abc import Iterator

import pytest
from ruamel.yaml import YAML

from common.pipeline.stages import ASR, PIPELINE
from gateway.admission.handshake import OWN_DOING
from tests.conftest import ROOT
from tests.promql import labels, mistakes, rules
from tests.unit.deploy.promtool import promtool

FOLDER = ROOT / "deploy" / "prometheus"
TESTS = sorted((FOLDER / "tests").glob("*.yml"))
RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()
PARTS = ["Look at", "Do"]
ALERTS = rules("alerts.yml")
NAMES = sorted({alert.name for alert in ALERTS})
NO_ALARM = {
    *OWN_DOING,
    *("bad_request", "message_rate", "resume_rate", "open_timeout", "idle", "webhook_refused"),
    "recording_refused",
    *("revoked_key", "key_audio", "key_calls", "spent_token"),
    *("resume_unknown", "resumed_elsewhere", "session_lost"),
    "draining",
}
"""Reasons of refusals that are the client's own doing, or a deployment."""


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
    assert alert.annotations["runbook"] == f"docs/runbooks.md#{alert.name.lower()}"


def runbook(name: str) -> str:
    """Return the section of an alert."""
    _, _, section = RUNBOOKS.partition(f"\n## {name}\n")
    return section.partition("\n## ")[0]


def test_a_runbook_has_its_parts_and_queries_that_work():
    known = labels()
    for name in NAMES:
        assert re.findall(r"^\*\*(.+)\*\*$", runbook(name), re.MULTILINE) == PARTS, name
        queries = [
            each for each in re.findall(r"`([^`]+)`", runbook(name)) if "callscribe_" in each
        ]
        assert queries, name
        assert [wrong for each in queries for wrong in mistakes(each, known)] == []


def test_every_runbook_is_of_an_alert_and_listed():
    assert sorted(re.findall(r"^## (\w+)$", RUNBOOKS, re.MULTILINE)) == NAMES
    told = re.findall(r"^\| \[(\w+)\]\(#(\w+)\) \| ([\w, ]+) \|", RUNBOOKS, re.MULTILINE)
    assert [name.lower() for name, _, _ in told] == [anchor for _, anchor, _ in told]
    severities: dict[str, list[str]] = {}
    for alert in ALERTS:
        severities.setdefault(alert.name, []).append(alert.labels["severity"])
    assert {name: sorted(text.split(", ")) for name, _, text in told} == {
        name: sorted(each) for name, each in severities.items()
    }


def spelled(argument: ast.expr) -> Iterator[str]:
    """Yield the reasons that an argument may be; a name of a stage in it is any stage's."""
    if isinstance(argument, ast.JoinedStr):
        first, rest = argument.values
        assert isinstance(first, ast.FormattedValue)
        assert isinstance(rest, ast.Constant)
        stages = [ASR] if ast.unparse(first.value) == "ASR.name" else PIPELINE
        yield from (f"{stage.name}{rest.value!s}" for stage in stages)
    elif isinstance(argument, ast.IfExp):
        yield from (*spelled(argument.body), *spelled(argument.orelse))
    elif isinstance(argument, ast.Constant):
        yield str(argument.value)


def refusals() -> set[str]:
    """Return the reasons that the gateway counts refusals by, but for codes of errors."""
    found: set[str] = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr="refusals"), attr="labels"),
                    args=[reason],
                ):
                    found |= {*spelled(reason)}
                case ast.Call(func=ast.Name(id="Refusal"), args=[reason, *_]):
                    found |= {*spelled(reason)}
                case ast.Call(
                    func=ast.Name(id="Reason"), args=[ast.Name(id="_POLICY"), reason, *_]
                ):
                    found |= {*spelled(reason)}
                case ast.Call(func=ast.Name(id="Refused"), args=[code, *_], keywords=more):
                    own = [each.value for each in more if each.arg == "reason"]
                    found |= {*spelled((own or [code])[0])}
    return found


def test_each_reason_of_a_refusal_is_an_alarm_or_is_not_ours_to_mend():
    (rule,) = (each for each in rules("recording.yml") if each.name.startswith("callscribe:refus"))
    (pattern,) = set(re.findall(r'reason=~"([^"]+)"', rule.expr))
    counted = refusals()
    alarmed = {reason for reason in counted if re.fullmatch(pattern, reason)}
    assert {"unavailable", "max_files", "vad_slots", "asr_legs"} <= alarmed
    assert counted - alarmed == NO_ALARM


def test_the_page_of_refusals_says_what_to_do_for_each_reason():
    _, _, todo = runbook("CallsRefused").partition("**Do**")
    told = {each for line in todo.splitlines() if line.startswith("- ") for each in named(line)}
    by_stage = {f"{stage.name}{end}" for stage in PIPELINE for end in ("_slots", "_backlog")}
    assert told | by_stage == refusals() - NO_ALARM | by_stage


def named(line: str) -> list[str]:
    return re.findall(r"`(\w+)`", line.partition("**:")[0])
