"""deploy/kubernetes: KEDA scales by calls, slots and lag, and owns the number of pods."""

import re
from math import ceil

import pytest

from deploy.kubernetes import rule, scaling
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


@pytest.mark.parametrize("site", SCALED)
def test_the_rule_is_units_and_buffer_by_units_per_pod(site):
    values = VALUES[site]
    for name, each in of_kind(site, "ScaledObject").items():
        units = each["spec"]["triggers"][0]
        assert values.autoscaling is not None
        service = values.services()[name]
        assert units["metricType"] == "AverageValue"
        assert units["metadata"]["threshold"] == str(service.per_pod)
        query, added = units["metadata"]["query"].split(" + ")
        assert int(added) == scaling.buffer(values, values.autoscaling, name, service)
        wanted = "legs_owned" if name in ("vad", "denoise") else "sessions"
        assert query.startswith(f"sum(callscribe_{wanted}{{")


@pytest.mark.parametrize("site", SCALED)
def test_pods_come_immediately_and_go_one_a_minute(site):
    for each in of_kind(site, "ScaledObject").values():
        behavior = each["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
        assert behavior["scaleDown"]["policies"] == [
            {"type": "Pods", "value": 1, "periodSeconds": 60}
        ]


def test_the_buffer_is_what_comes_until_a_pod_is_there():
    # 100 calls in the 60 s of a scrape, a look of the HPA and the start; 3 deviations are 30.
    assert rule.buffer(100, 30, 15) == 130
    assert rule.buffer(100, 30, 15, units_per_call=2) == 260
    assert rule.buffer(100, 240, 15) > ceil(100 * 270 / 60)


@pytest.mark.parametrize("site", SCALED)
def test_prometheus_scrapes_the_ports_that_the_pods_have(site):
    (monitor,) = of_kind(site, "PodMonitor").values()
    ports = {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]}
    selected = monitor["spec"]["selector"]["matchLabels"].items()
    for each in of_kind(site, "Deployment").values():
        template = each["spec"]["template"]
        assert selected <= template["metadata"]["labels"].items()
        (container,) = template["spec"]["containers"]
        assert len(ports & {port["name"] for port in container["ports"]}) == 1
