from prometheus_client import CollectorRegistry

from common.pipeline.access import check_tenant
from gateway.access.tenant_metrics import (
    MOST_ENTITIES,
    MOST_TENANTS,
    MOST_WAYS,
    OTHERS,
    Speech,
    TenantMetrics,
)

NAME = "callscribe_tenant_calls_total"


def test_tenants_beyond_the_bound_are_counted_together():
    registry = CollectorRegistry()
    metrics = TenantMetrics.build(registry)

    def count(tenant: str) -> None:
        metrics.add(tenant, calls=1, legs=2, audio=3.0, speech=1.5)

    def calls(tenant: str) -> float | None:
        return registry.get_sample_value(NAME, {"tenant": tenant})

    for number in range(MOST_TENANTS):
        count(f"t{number}")
    assert calls(OTHERS) is None
    for number in range(7):
        count(f"more{number}")
    count("t0")
    assert (calls(OTHERS), calls("more0"), calls("t0")) == (7, None, 2)
    samples = [sample for family in registry.collect() for sample in family.samples]
    totals = [sample for sample in samples if sample.name.endswith("_total")]
    assert len(totals) == 4 * (MOST_TENANTS + 1)
    assert registry.get_sample_value("callscribe_tenant_legs_total", {"tenant": OTHERS}) == 14


def test_masks_are_counted_by_what_they_hide():
    registry = CollectorRegistry()
    metrics = TenantMetrics.build(registry)
    for number in range(MOST_TENANTS + 2):
        metrics.add_mask(f"t{number}", "cvv")
    metrics.add_mask("t0", "iban")

    def masks(tenant: str, entity: str) -> float | None:
        labels = {"tenant": tenant, "entity": entity}
        return registry.get_sample_value("callscribe_tenant_masks_total", labels)

    assert (masks("t0", "cvv"), masks("t0", "iban"), masks(OTHERS, "cvv")) == (1, 1, 2)
    assert masks("t1", "iban") is None
    for number in range(MOST_ENTITIES + 1):
        metrics.add_mask("t0", f"kind{number}")
    assert masks("t0", OTHERS) == 3


def test_turns_are_counted_by_a_few_ways_of_each_tenant():
    registry = CollectorRegistry()
    metrics = TenantMetrics.build(registry)

    def note(*speech: str) -> None:
        metrics.add_turn_end(Speech(*speech), "cut")
        metrics.add_turn_delay(Speech(*speech), 0.5)

    def noted(*speech: str) -> tuple[float | None, float | None]:
        labels = Speech(*speech)._asdict()
        name = "callscribe_tenant_turn"
        ends = registry.get_sample_value(f"{name}_ends_total", {**labels, "judged": "cut"})
        return ends, registry.get_sample_value(f"{name}_delay_seconds_sum", labels)

    for number in range(MOST_WAYS):
        note("t0", f"L{number}", "native")
    note("t0", "L0", "native")
    note("t0", "L0", "vosk")
    note("t1", "L0", "vosk")
    assert noted("t0", "L0", "native") == (2, 1.0)
    assert noted("t0", "L0", "vosk") == (None, None)
    assert noted("t0", OTHERS, OTHERS) == (1, 0.5)
    assert noted("t1", "L0", "vosk") == (1, 0.5)
    for number in range(MOST_TENANTS):
        note(f"more{number}", "L0", "native")
    assert noted(OTHERS, "L0", "native") == (2, 1.0)


def test_no_tenant_is_named_as_all_others_are():
    try:
        check_tenant(OTHERS)
    except ValueError:
        return
    raise AssertionError(f"{OTHERS} may be a tenant")
