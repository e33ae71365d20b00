"""Every pair of events of a call, the second amid the first at each of its rounds through Redis.

Whatever comes between: nothing is heard twice or lost, a call is metered once, its client is told
once, and nothing is left of a call that was erased, nor in a gateway of one that is over.
"""

import asyncio
import logging
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
import redis

from tests.integration.hour.clock import false_time
from tests.integration.hour.house import House
from tests.integration.order.events import EVENTS
from tests.integration.order.gates import gates
from tests.integration.order.swapping import Case, Swap, gone, own_rounds, shared, shared_rounds
from tests.real_redis import admin

_TOGETHER = 100
"""Calls beside each other."""
_LATE = 60.0
"""Seconds until the last look for what was written after an erasure, and until sinks have all."""


async def _swapped(
    house: House, client: redis.Redis, folder: Path, one_of: int
) -> dict[str, list[str]]:
    """Run one of so many swaps; return what was wrong, by swap."""
    await house.start()
    house.clock.skipping = True
    numbers = count(1)

    def case(swap: Swap) -> Case:
        return Case(house, swap, next(numbers))

    # Alone, each event tells how many rounds it has, and sentences their texts.
    alone = [case(Swap(name)) for name in EVENTS]
    await asyncio.gather(*(each.alone() for each in alone))
    texts = max((each.client.texts for each in alone), key=len)
    assert len(texts) == len({*texts}) == 3
    swaps = own_rounds({each.swap.first: each.rounds for each in alone})
    cases = [case(swap) for swap in swaps[::one_of]]
    for at in range(0, len(cases), _TOGETHER):
        await asyncio.gather(*(each.run() for each in cases[at : at + _TOGETHER]))
    for group in shared_rounds()[::one_of]:
        cases += (some := [case(swap) for swap in group])
        await shared(some)
    await asyncio.sleep(_LATE)
    found = {str(each.swap): [*each.wrong(texts, client, folder)] for each in (*alone, *cases)}
    found["the house"] = [*gone(house)]
    await house.stop()
    return found


def _mistakes(records: Sequence[logging.LogRecord]) -> list[str]:
    return [f"{record.msg}: {record.exc_info[1]!r}" for record in records if record.exc_info]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("one_of", [23, pytest.param(1, marks=pytest.mark.nightly)])
def test_no_order_of_two_events_harms_a_call(redis_url, one_of, tmp_path, caplog):
    client = admin(redis_url)
    with false_time() as (clock, runner), gates():
        sinks = f"folder=file:{tmp_path}"
        house = House(redis_url, clock, gateways=3, workers=2, slots=1024, sinks=sinks)
        found = runner.run(_swapped(house, client, tmp_path, one_of))
    client.close()
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert _mistakes(caplog.records) == []
