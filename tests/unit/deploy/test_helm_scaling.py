"""The chart: KEDA scales by calls, slots and lag, and owns the number of pods."""

import json
import re
from collections.abc import Mapping
from math import ceil, exp, sqrt
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT
from tests.documents import block
from tests.unit.deploy.promtool import promtool
from tests.unit.deploy.sites import DEFAULTS, SITES, VALUES, container, of_kind, rendered, services

SCALED = ["large", "gpu"]
METRICS = set(
    re.findall(
        r"^\| `(callscribe_\w+)` \|", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE
    )
)
HALF = 0.25
"""Half of the lag at which calls are refused."""


def triggers(scaled: Any) -> dict[str, Any]:
    """Return the triggers of a ScaledObject by name."""
    return {each["name"]: each for each in scaled["spec"]["triggers"]}


@pytest.mark.parametrize("site", ["small", *SCALED])
def test_keda_or_the_deployment_has_the_replicas(site):
    scaled = of_kind(site, "ScaledObject")
    assert bool(scaled) == (site in SCALED)
    for name, each in of_kind(site, "Deployment").items():
        service = VALUES[site][name]
        if site in SCALED:
            assert "replicas" not in each["spec"]
            spec = scaled[name]["spec"]
            assert spec["scaleTargetRef"] == {"name": each["metadata"]["name"]}
            most = (spec["minReplicaCount"], spec["maxReplicaCount"])
            assert most == (service["replicas"], service["maxReplicas"])
        else:
            assert each["spec"]["replicas"] == service["replicas"]


@pytest.mark.parametrize("site", SCALED)
def test_every_trigger_asks_prometheus_for_metrics_that_exist(site):
    assert of_kind(site, "ScaledObject").keys() == services(site).keys()
    for name, each in of_kind(site, "ScaledObject").items():
        assert [*triggers(each)] == (["units"] if name == "gateway" else ["units", "lag"])
        for trigger in triggers(each).values():
            assert (trigger["type"], trigger["metricType"]) == ("prometheus", "AverageValue")
            asked = set(re.findall(r"callscribe_\w+", trigger["metadata"]["query"]))
            assert asked
            assert asked <= METRICS
            assert 'namespace="callscribe"' in trigger["metadata"]["query"]
            # Without data the pods stay.
            assert trigger["metadata"]["ignoreNullValues"] == "false"


def answers(folder: Path, series: Mapping[str, float], expected: Mapping[str, float]) -> None:
    """Let Prometheus itself answer queries; it must say what is expected."""
    (folder / "rules.yml").write_text('{"groups": []}')
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": f"{each}x9"} for name, each in series.items()],
        "promql_expr_test": [
            {"expr": query, "eval_time": "1m", "exp_samples": [{"labels": "{}", "value": each}]}
            for query, each in expected.items()
        ],
    }
    (folder / "test.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [test]}))
    assert "SUCCESS" in promtool("test", "rules", str(folder / "test.yml"))


def metric(name: str, pod: str, stage: str = "") -> str:
    """Return the name of a pod's series."""
    of = f',stage="{stage}"' if stage else ""
    return f'callscribe_{name}{{namespace="callscribe",pod="{pod}"{of}}}'


@pytest.mark.parametrize("site", SCALED)
def test_the_rule_is_units_and_what_comes_until_a_pod_is_there(site, tmp_path):
    """Growth in a scrape, a look of the autoscaler and a start, and three deviations of chance.

    Calls that come and go at random change their number n, in the time t, by a variance of
    2 n (1 - exp(-t / mean length)): the M/G/infinity queue, for exponential lengths.
    """
    values, expected = VALUES[site], {}
    scaling, gateway = values["autoscaling"], values["gateway"]
    most = gateway["maxReplicas"] * gateway["perPod"]
    series = {metric("sessions", "a"): 30.0, metric("sessions", "b"): 12.0}
    for name, service in services(site).items():
        delay = values["monitoring"]["intervalS"] + 15 + service["startS"]
        chance = sqrt(2 * most * (1 - exp(-delay / scaling["callS"])))
        legs = scaling["legsPerCall"] if name in ("vad", "denoise") else 1
        buffer = ceil(legs * (scaling["callsPerMin"] / 60 * delay + 3 * chance))
        units = triggers(of_kind(site, "ScaledObject")[name])["units"]["metadata"]
        series |= {metric("legs_owned", "a", name): 70.0, metric("legs_owned", "b", name): 7.0}
        expected[units["query"]] = buffer + (77 if legs == 2 else 42)
        assert units["threshold"] == str(service["perPod"] or 14)
    answers(tmp_path, series, expected)


@pytest.mark.parametrize(
    ("ages", "asked"),
    [
        ({}, 0),  # nothing says anything
        ({"a": (0.05, 10), "b": (0.05, 10)}, 0.4),  # in time: less than the pods that there are
        ({"a": (30, 10), "b": (0.05, 10)}, 2.2),  # one slow node: a pod more
        ({"a": (30, 10), "b": (19, 10)}, 4),  # all late: as many again
        ({"a": (30, 0), "b": (0.05, 10)}, 0.2),  # what an idle pod said last does not count
    ],
)
def test_a_pod_that_reads_old_audio_asks_for_one_more(ages, asked, tmp_path):
    lag = triggers(of_kind("large", "ScaledObject")["vad"])["lag"]["metadata"]
    assert lag["threshold"] == f"{HALF:g}" == f"{DEFAULTS['autoscaling']['lagS']:g}"
    series = {
        metric("legs_owned", "x", "denoise"): 9.0,
        metric("lag_seconds", "x", "denoise"): 99.0,
    }
    for pod, (age, legs) in ages.items():
        series |= {metric("lag_seconds", pod, "vad"): age, metric("legs_owned", pod, "vad"): legs}
    answers(tmp_path, series, {lag["query"]: round(asked * HALF, 6)})


def test_a_site_far_from_its_redis_scales_at_a_greater_age():
    for each in (0.4, 1):
        found = rendered("large", {"autoscaling.lagS": each})["ScaledObject", "vad"]
        lag = triggers(found)["lag"]["metadata"]
        assert lag["threshold"] == f"{each:g}"
        assert f", {2 * each:g}))" in lag["query"]


@pytest.mark.parametrize(
    ("legs", "per_call", "calls"), [(16, 2, 7), (16, 1, 14), (132, 1, 119), (22, 2, 9)]
)
def test_what_was_proved_of_a_recogniser_says_its_calls_per_pod(legs, per_call, calls):
    changes = {"asr.settings.asr_legs": legs, "autoscaling.legsPerCall": per_call}
    objects = rendered("large", changes)
    units = triggers(objects["ScaledObject", "asr"])["units"]["metadata"]
    assert units["threshold"] == str(calls)
    told = {
        each["name"]: each.get("value") for each in container(objects["Deployment", "asr"])["env"]
    }
    assert told["CALLSCRIBE_ASR_LEGS"] == str(legs)


@pytest.mark.parametrize("site", SCALED)
def test_pods_come_immediately_and_go_one_a_minute(site):
    for each in of_kind(site, "ScaledObject").values():
        behavior = each["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
        down = behavior["scaleDown"]
        assert down["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]
        assert down["stabilizationWindowSeconds"] == 600


def test_keda_shows_prometheus_what_it_asks_for():
    shown = YAML(typ="safe").load(block("docs/kubernetes.md", "autoscaling:"))
    authentication = shown["autoscaling"]["authentication"]
    objects = rendered("large", {"autoscaling.authentication": authentication})
    found = objects["TriggerAuthentication", "prometheus"]
    assert found["spec"] == {"secretTargetRef": authentication["secretTargetRef"]}
    for name in services("large"):
        for trigger in triggers(objects["ScaledObject", name]).values():
            assert trigger["metadata"]["authModes"] == "bearer"
            assert trigger["authenticationRef"] == {"name": found["metadata"]["name"]}
    assert not of_kind("large", "TriggerAuthentication")
    assert "authenticationRef" not in str(SITES["large"])


@pytest.mark.parametrize("site", SCALED)
def test_prometheus_scrapes_the_ports_that_the_pods_have(site):
    (monitor,) = of_kind(site, "PodMonitor").values()
    ports = {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]}
    selected = monitor["spec"]["selector"]["matchLabels"].items()
    for name, each in of_kind(site, "Deployment").items():
        assert selected <= each["spec"]["template"]["metadata"]["labels"].items()
        # A gateway's metrics need a key at the port for calls.
        scraped = ports & {port["name"] for port in container(each)["ports"]}
        assert scraped == {"admin" if name == "gateway" else "metrics"}
