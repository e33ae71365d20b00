"""deploy/kubernetes: KEDA scales by calls, slots and lag, and owns the number of pods."""

import json
import re
import shutil
import subprocess

import pytest

from deploy.kubernetes import processes, rule, scaling
from deploy.kubernetes.values import Asr, Autoscaling
from tests.conftest import ROOT
from tests.unit.deploy.sites import SITES, VALUES, of_kind

SCALED = ["large", "gpu"]
METRICS = set(
    re.findall(
        r"^\| `(callscribe_\w+)` \|", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE
    )
)


@pytest.mark.parametrize("site", SITES)
def test_keda_or_the_deployment_has_the_replicas(site):
    scaled = of_kind(site, "ScaledObject")
    assert bool(scaled) == (site in SCALED)
    for name, each in of_kind(site, "Deployment").items():
        service = VALUES[site].services()[name]
        if site in SCALED:
            assert "replicas" not in each["spec"]
            spec = scaled[name]["spec"]
            assert spec["scaleTargetRef"] == {"name": name}
            assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (
                service.replicas,
                service.max_replicas,
            )
        else:
            assert each["spec"]["replicas"] == service.replicas


@pytest.mark.parametrize("site", SCALED)
def test_every_trigger_asks_prometheus_for_metrics_that_exist(site):
    for name, each in of_kind(site, "ScaledObject").items():
        for trigger in each["spec"]["triggers"]:
            assert trigger["type"] == "prometheus"
            asked = set(re.findall(r"callscribe_\w+", trigger["metadata"]["query"]))
            assert asked
            assert asked <= METRICS
            assert 'namespace="callscribe"' in trigger["metadata"]["query"]
            # Without data the pods stay.
            assert trigger["metadata"]["ignoreNullValues"] == "false"
        names = [trigger["name"] for trigger in each["spec"]["triggers"]]
        assert names == (["units"] if name == "gateway" else ["units", "lag"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool reads the queries")
def test_prometheus_understands_the_queries(tmp_path):
    queries = {
        trigger["metadata"]["query"]
        for site in SCALED
        for each in of_kind(site, "ScaledObject").values()
        for trigger in each["spec"]["triggers"]
    }
    rules = [{"record": "r", "labels": {"of": query}, "expr": query} for query in sorted(queries)]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    check = subprocess.run(
        ["promtool", "check", "rules", path], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stderr
    assert f"{len(queries)} rules found" in check.stdout


@pytest.mark.parametrize("site", SCALED)
def test_the_rule_is_units_and_buffer_by_units_per_pod(site):
    values = VALUES[site]
    for name, each in of_kind(site, "ScaledObject").items():
        units = each["spec"]["triggers"][0]
        assert values.autoscaling is not None
        service = values.services()[name]
        assert units["metricType"] == "AverageValue"
        per_pod = scaling.per_pod(values.autoscaling, service)
        assert per_pod == (service.per_pod or 14)
        assert units["metadata"]["threshold"] == str(per_pod)
        query, added = units["metadata"]["query"].split(" + ")
        assert int(added) == scaling.buffer(values, values.autoscaling, name, service)
        wanted = "legs_owned" if name in ("vad", "denoise") else "sessions"
        assert query.startswith(f"sum(callscribe_{wanted}{{")


@pytest.mark.parametrize(("legs", "per_call", "calls"), [(16, 2, 7), (16, 1, 14), (132, 1, 119)])
def test_what_was_proved_of_a_recogniser_says_its_calls_per_pod(legs, per_call, calls):
    asr = Asr(settings={"asr_legs": legs})
    assert scaling.per_pod(Autoscaling(legs_per_call=per_call), asr) == calls
    assert processes.environment(asr, "asr")["CALLSCRIBE_ASR_LEGS"] == str(legs)


@pytest.mark.parametrize("site", SCALED)
def test_pods_come_immediately_and_go_one_a_minute(site):
    for each in of_kind(site, "ScaledObject").values():
        behavior = each["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
        assert behavior["scaleDown"]["policies"] == [
            {"type": "Pods", "value": 1, "periodSeconds": 60}
        ]


def test_the_buffer_is_what_comes_until_a_pod_is_there():
    # 100 calls grow in the 60 s of a scrape, a look of the HPA and the start.
    steady = rule.Site(calls_per_min=100, calls=0, call_s=180)
    assert rule.buffer(steady, 30, 15) == 100
    assert rule.buffer(steady, 30, 15, units_per_call=2) == 200
    assert rule.buffer(steady, 240, 15) == 450


def test_the_buffer_is_also_for_chance():
    # In the long run the number of calls is one sample of a Poisson distribution, then another.
    site = rule.Site(calls_per_min=0, calls=200, call_s=1)
    assert rule.buffer(site, 600, 15) == 3 * (2 * 200) ** 0.5
    lasting = rule.Site(calls_per_min=0, calls=200, call_s=3600)
    assert rule.buffer(lasting, 30, 15) < rule.buffer(site, 30, 15)


@pytest.mark.parametrize("site", SCALED)
def test_prometheus_scrapes_the_ports_that_the_pods_have(site):
    (monitor,) = of_kind(site, "PodMonitor").values()
    ports = {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]}
    selected = monitor["spec"]["selector"]["matchLabels"].items()
    for each in of_kind(site, "Deployment").values():
        template = each["spec"]["template"]
        assert selected <= template["metadata"]["labels"].items()
        (container,) = template["spec"]["containers"]
        # A gateway's metrics need a key at the port for calls.
        gateway = each["metadata"]["name"] == "gateway"
        scraped = ports & {port["name"] for port in container["ports"]}
        assert scraped == {"admin" if gateway else "metrics"}
