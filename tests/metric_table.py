"""Every metric that the code declares: its labels, and the names that a query may use."""

from functools import cache

from prometheus_client import CollectorRegistry

from common.telemetry import metrics
from gateway.access.tenant_metrics import TenantMetrics
from gateway.sinks.metrics import SinkMetrics

_SUFFIXES = {
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("_sum", "_count"),
    "counter": ("_total",),
    "info": ("_info",),
}
_WHOLE = ("histogram", "summary")
"""Types that Prometheus shows under the family's name and queries by its suffixes."""


@cache
def families() -> tuple[dict[str, list[str]], set[str]]:
    """Return every metric's labels by its name as Prometheus shows it, and all queryable names."""
    registry = metrics.new_registry(version="1", service="test")
    metrics.BusMetrics.build(registry)
    metrics.GatewayMetrics.build(registry)
    TenantMetrics.build(registry)
    SinkMetrics.build(registry)
    metrics.TlsMetrics.build(registry)
    metrics.VadMetrics.build(registry)
    metrics.AsrMetrics.build(registry)
    metrics.AlignMetrics.build(registry)
    metrics.StageMetrics.build(registry, "vad")
    labels, queryable = {}, set()
    for family in registry.collect():
        suffixes = _SUFFIXES.get(family.type, ("",))
        shown = family.name if family.type in _WHOLE else family.name + suffixes[0]
        labels[shown] = _declared_labels(registry, family.name)
        queryable |= {shown, *(family.name + suffix for suffix in suffixes)}
    return labels, queryable


def _declared_labels(registry: CollectorRegistry, name: str) -> list[str]:
    if name == "callscribe_build":
        return ["version", "service"]
    (collector,) = {
        c for c, names in registry._collector_to_names.items() if name in names
    }  # there is no public way to ask a labelled metric without values for its labels
    return list(collector._labelnames)  # type: ignore[attr-defined]
