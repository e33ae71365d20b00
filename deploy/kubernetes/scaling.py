"""What scales: KEDA's ScaledObjects over Prometheus."""

from typing import Any

from deploy.kubernetes import rule
from deploy.kubernetes.processes import metadata
from deploy.kubernetes.values import Asr, Autoscaling, Service, Values

LEGS = ("vad", "denoise")
"""Stages that are scaled by the slots in use, which are legs; the others by calls."""
_RECOGNISED = 14
"""Calls for a recogniser with tiny.en on two cores, where none were proved (docs/scaling.md)."""


def units_query(values: Values, name: str) -> str:
    """Return the PromQL of what a stage carries: legs in slots, or calls."""
    where = f'namespace="{values.namespace}"'
    if name in LEGS:
        return f'sum(callscribe_legs_owned{{{where},stage="{name}"}})'
    return f"sum(callscribe_sessions{{{where}}})"


def lag_query(values: Values, name: str) -> str:
    """Return the PromQL of a stage's lag in s, 0 while it carries nothing."""
    where = f'{{namespace="{values.namespace}",stage="{name}"}}'
    lag = f"callscribe_lag_seconds{where} and callscribe_legs_owned{where} > 0"
    return f"max({lag}) or vector(0)"


def buffer(values: Values, scaling: Autoscaling, name: str, service: Service) -> int:
    """Return the units that the rule adds to what a stage carries."""
    scrape_s = values.monitoring.interval_s if values.monitoring else 0
    per_call = scaling.legs_per_call if name in LEGS else 1
    most = values.gateway.max_replicas * values.gateway.per_pod
    site = rule.Site(scaling.calls_per_min, most, scaling.call_s)
    return rule.buffer(site, service.start_s, scrape_s, per_call)


def per_pod(scaling: Autoscaling, service: Service) -> int:
    """Return the units for which one pod is asked for: those given, or what was proved allows."""
    if not isinstance(service, Asr) or service.per_pod:
        return service.per_pod
    legs = service.settings.get("asr_legs")
    if not isinstance(legs, int):
        return _RECOGNISED
    return rule.most_per_pod(legs / scaling.legs_per_call)


def scaled_object(
    values: Values, scaling: Autoscaling, name: str, service: Service
) -> dict[str, Any]:
    """Return the scaler of one Deployment. Scaling in deletes one pod, which drains."""
    query = f"{units_query(values, name)} + {buffer(values, scaling, name, service)}"
    triggers = [_trigger(scaling, "units", "AverageValue", query, str(per_pod(scaling, service)))]
    if name != "gateway":
        lag = lag_query(values, name)
        triggers.append(_trigger(scaling, "lag", "Value", lag, f"{rule.LAG_S:g}"))
    up = [
        {"type": "Percent", "value": 100, "periodSeconds": rule.SCALE_UP_PERIOD_S},
        {"type": "Pods", "value": rule.SCALE_UP_PODS, "periodSeconds": rule.SCALE_UP_PERIOD_S},
    ]
    down = [{"type": "Pods", "value": 1, "periodSeconds": rule.SCALE_DOWN_PERIOD_S}]
    behavior = {
        "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": up},
        "scaleDown": {
            "stabilizationWindowSeconds": rule.SCALE_DOWN_WINDOW_S,
            "policies": down,
        },
    }
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata(values, name),
        "spec": {
            "scaleTargetRef": {"name": name},
            "minReplicaCount": service.replicas,
            "maxReplicaCount": service.max_replicas,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior}},
            "triggers": triggers,
        },
    }


def _trigger(
    scaling: Autoscaling, name: str, kind: str, query: str, threshold: str
) -> dict[str, Any]:
    return {
        "type": "prometheus",
        "name": name,
        "metricType": kind,
        "metadata": {
            "serverAddress": scaling.prometheus,
            "query": query,
            "threshold": threshold,
            # Without data nothing is scaled in: KEDA's default would be 0, and so the least pods.
            "ignoreNullValues": "false",
        },
    }
