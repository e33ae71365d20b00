"""The chart: what an operator's Prometheus and Grafana get are our rules and dashboards."""

import json
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.unit.deploy.sites import VALUES, WHOLE, of_kind, rendered

CRDS = json.loads((ROOT / "tests" / "unit" / "deploy" / "crds.json").read_text())
RULES = ROOT / "deploy" / "prometheus" / "rules"
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
LABELS = {"monitoring.labels": {"release": "prometheus"}}


@pytest.fixture(scope="module")
def printed() -> Any:
    return rendered("large", LABELS)


@pytest.mark.parametrize("name", [path.stem for path in RULES.glob("*.yml")])
def test_the_rules_are_ours(printed, name):
    rule = printed["PrometheusRule", name]
    assert rule["spec"] == YAML(typ="safe", pure=True).load(RULES / f"{name}.yml")
    jsonschema.validate(rule, {"$ref": "#/PrometheusRule", **CRDS})


def test_the_dashboards_are_ours(printed):
    found = printed["ConfigMap", "dashboards"]
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["data"] == {path.name: path.read_text() for path in DASHBOARDS.glob("*.json")}
    # What `kubectl apply` notes of an object may have 256 KiB.
    assert len(json.dumps(found)) < 256 << 10


def test_the_operator_finds_them_by_its_labels(printed):
    read_by_it = [each for (kind, _), each in printed.items() if kind in CRDS]
    assert {each["kind"] for each in read_by_it} >= {"PodMonitor", "PrometheusRule"}
    for each in read_by_it:
        if each["kind"] != "ScaledObject":
            assert each["metadata"]["labels"]["release"] == "prometheus"
            assert each["metadata"]["labels"]["app.kubernetes.io/name"] == "callscribe"


BOTH = {"PrometheusRule", "ConfigMap"}


@pytest.mark.parametrize("site", WHOLE)
def test_sites_with_autoscaling_have_alarms_and_dashboards(site):
    wanted = BOTH if VALUES[site]["autoscaling"]["enabled"] else set()
    assert {kind for kind in BOTH if of_kind(site, kind)} == wanted


@pytest.mark.parametrize(
    ("name", "left"), [("rules", {"ConfigMap"}), ("dashboards", {"PrometheusRule"})]
)
def test_without_a_wish_there_is_none(name, left):
    objects = rendered("large", {f"monitoring.{name}": False})
    assert BOTH & {kind for kind, _ in objects} == left
