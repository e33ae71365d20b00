"""What Prometheus and Grafana get: what to scrape, our rules, our dashboards."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.kubernetes.processes import metadata
from deploy.kubernetes.values import Monitoring, Values
from deploy.kubernetes.yaml_text import Text

SLOWEST_S = 30
"""Longest time between two scrapes for which the rules are made."""
_DEPLOY = Path(__file__).resolve().parents[1]


def objects(values: Values, monitoring: Monitoring) -> list[dict[str, Any]]:
    """Return the PodMonitor, and the rules and dashboards that the values ask for."""
    made = [pod_monitor(values, monitoring)]
    if monitoring.rules:
        files = sorted((_DEPLOY / "prometheus" / "rules").glob("*.yml"))
        made += [_rules(values, monitoring, path) for path in files]
    if monitoring.dashboards:
        made.append(_dashboards(values))
    return made


def pod_monitor(values: Values, monitoring: Monitoring) -> dict[str, Any]:
    """Return what Prometheus scrapes: every gateway and worker, also while it drains."""
    interval = f"{monitoring.interval_s}s"
    # A pod is scraped by its address, which is in no certificate.
    tls = {"scheme": "https", "tlsConfig": {"insecureSkipVerify": True}}
    own = {"admin": tls if values.gateway.tls_secret else {}, "metrics": {}}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": _labelled(values, "callscribe", monitoring.labels),
        "spec": {
            "selector": {"matchLabels": {"app.kubernetes.io/part-of": "callscribe"}},
            "podMetricsEndpoints": [
                {"port": port, "path": "/metrics", "interval": interval, **more}
                for port, more in own.items()
            ],
        },
    }


def _rules(values: Values, monitoring: Monitoring, path: Path) -> dict[str, Any]:
    """Return a file of rules: its text is the specification, with its comments."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": _labelled(values, f"callscribe-{path.stem}", monitoring.labels),
        "spec": Text(path.read_text()),
    }


def _dashboards(values: Values) -> dict[str, Any]:
    """Return the dashboards, with the label by which Grafana's sidecar finds them."""
    files = sorted((_DEPLOY / "grafana" / "dashboards").glob("*.json"))
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _labelled(values, "callscribe-dashboards", {"grafana_dashboard": "1"}),
        "data": {path.name: path.read_text() for path in files},
    }


def _labelled(values: Values, name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    plain = metadata(values, name)
    return plain | {"labels": {**labels, **plain["labels"]}}
