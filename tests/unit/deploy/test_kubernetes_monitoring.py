"""deploy/kubernetes: what an operator's Prometheus and Grafana get are our rules and dashboards."""

import json
from collections.abc import Iterable
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from deploy.kubernetes import render, yaml_text
from deploy.kubernetes.values import read
from tests.conftest import ROOT
from tests.unit.deploy.sites import SITES, VALUES, changed, rendered

CRDS = json.loads((ROOT / "tests" / "unit" / "deploy" / "crds.json").read_text())
RULES = ROOT / "deploy" / "prometheus" / "rules"
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
LABELS = {"monitoring.labels": {"release": "prometheus"}}


@pytest.fixture(scope="module")
def printed() -> dict[tuple[str, str], Any]:
    """Return the objects by kind and name, as they are printed and read."""
    text = yaml_text.dump(render.objects(read(changed("large", LABELS))))
    documents = YAML(typ="safe", pure=True).load_all(text)
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


@pytest.mark.parametrize("name", [path.stem for path in RULES.glob("*.yml")])
def test_the_rules_are_ours(printed, name):
    rule = printed["PrometheusRule", f"callscribe-{name}"]
    assert rule["spec"] == YAML(typ="safe", pure=True).load(RULES / f"{name}.yml")
    jsonschema.validate(rule, {"$ref": "#/PrometheusRule", **CRDS})


def test_the_dashboards_are_ours(printed):
    found = printed["ConfigMap", "callscribe-dashboards"]
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
            assert each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "callscribe"


BOTH = {"PrometheusRule", "ConfigMap"}


def kinds(objects: Iterable[Any]) -> set[str]:
    """Return those of both that are among some objects."""
    return BOTH & {each["kind"] for each in objects}


def test_sites_with_autoscaling_have_alarms_and_dashboards():
    assert {name for name, each in VALUES.items() if each.autoscaling} == {"large", "gpu"}
    assert {name: kinds(objects) for name, objects in SITES.items()} == {
        "small": set(),
        "large": BOTH,
        "gpu": BOTH,
    }


@pytest.mark.parametrize(
    ("name", "left"), [("rules", {"ConfigMap"}), ("dashboards", {"PrometheusRule"})]
)
def test_without_a_wish_there_is_none(name, left):
    assert kinds(rendered("large", {f"monitoring.{name}": None}).values()) == left
