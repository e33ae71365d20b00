"""What a worker notes of its work items: each once, and none that it has already."""

from typing import Any, cast

from prometheus_client import CollectorRegistry

from common.settings import StageSettings
from common.stage.assignments import Assignments, Delivery
from common.stage.leases import Leases
from common.stage.retries import Retries
from common.telemetry.metrics import StageMetrics

A, B = Delivery(b"1-0", "a.0", b""), Delivery(b"2-0", "b.0", b"")


class Owned:
    """The renewals of a worker that owns these entries."""

    def __init__(self, *deliveries: Delivery) -> None:
        self.deliveries = deliveries

    async def renew(self, known: Any) -> tuple[set[bytes], list[Delivery]]:
        strangers = [each for each in self.deliveries if each.entry not in known]
        return {each.entry for each in self.deliveries}, strangers


def leases(
    opened: dict[bytes, None], *owned: Delivery, held_back: tuple[bytes, ...] = ()
) -> Leases:
    return Leases(
        cast(Assignments, Owned(*owned)),
        cast(Retries, None),
        StageSettings(),
        StageMetrics.build(CollectorRegistry(), "toy"),
        most=8,
        opened=opened.keys(),
        held_back=held_back.__contains__,
        stuck=lambda: False,
        noted=lambda: None,
    )


async def test_what_is_being_opened_is_not_noted_again():
    opened: dict[bytes, None] = {}
    some = leases(opened, A, B)
    assert await some.renew() == 2
    assert some.take() == [A, B]
    await some.renew()
    assert not some.waiting
    opened[A.entry] = None
    some.settle()
    await some.renew()
    assert some.take() == [B], "the other was given up, and is owned still"


async def test_what_the_breaker_holds_back_is_not_noted():
    some = leases({}, A, B, held_back=(A.entry,))
    await some.renew()
    assert some.take() == [B]


async def test_what_is_owned_no_more_is_lost_once():
    some = leases({A.entry: None, B.entry: None}, A)
    await some.renew()
    assert some.lost() == {B.entry}
    assert some.lost() == set()


async def test_what_is_opened_anew_replaces_all_notes():
    some = leases({}, A)
    await some.renew()
    some.renote([B])
    assert some.take() == [B]
