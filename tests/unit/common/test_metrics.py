import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY, generate_latest

from common.telemetry.metrics import (
    AlignMetrics,
    AsrMetrics,
    BusMetrics,
    GatewayMetrics,
    StageMetrics,
    new_registry,
)


@pytest.fixture
def registry():
    return new_registry(version="1.2.3", service="asr")


def test_all_groups_fit_into_one_registry_and_are_named_alike(registry):
    BusMetrics.build(registry)
    GatewayMetrics.build(registry)
    StageMetrics.build(registry, "asr")
    AsrMetrics.build(registry)
    AlignMetrics.build(registry)
    names = [each.name for each in registry.collect()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"callscribe(_[a-z]+)+", name) for name in names)


def test_nothing_is_in_the_global_registry(registry):
    BusMetrics.build(registry)
    assert b"callscribe" not in generate_latest(REGISTRY)


def test_the_build_is_named(registry):
    labels = {"version": "1.2.3", "service": "asr"}
    assert registry.get_sample_value("callscribe_build_info", labels) == 1


def test_a_stage_labels_what_it_counts(registry):
    metrics = StageMetrics.build(registry, "vad")
    metrics.lag.set(0.25)
    metrics.takeovers.inc()
    metrics.batch_size.observe(12)
    labels = {"stage": "vad"}
    assert registry.get_sample_value("callscribe_lag_seconds", labels) == 0.25
    assert registry.get_sample_value("callscribe_takeovers_total", labels) == 1
    assert registry.get_sample_value("callscribe_batch_legs_sum", labels) == 12


def each_metric(group: Any) -> Iterator[Any]:
    for field in dataclasses.fields(group):
        metric = getattr(group, field.name)
        if dataclasses.is_dataclass(metric):
            yield from each_metric(metric)
        else:
            yield metric


@pytest.mark.parametrize("group", [BusMetrics, GatewayMetrics, AsrMetrics, AlignMetrics])
def test_every_group_can_be_used_as_declared(registry, group):
    for metric in each_metric(group.build(registry)):
        names = metric._labelnames
        child = metric.labels(*["x"] * len(names)) if names else metric
        child.observe(0.1) if hasattr(child, "observe") else child.inc()
