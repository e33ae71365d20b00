"""A key's calls, counted in a real Redis."""

import asyncio
from typing import cast

from common.bus import keys
from common.redis.link import Link
from gateway.access.principal import anonymous
from gateway.admission import quota
from gateway.admission.quota import Quota

KEY = anonymous("192.0.2.1").caller


async def test_a_key_has_so_many_calls_and_then_no_more(link):
    calls = Quota(link)
    assert await calls.reserve(KEY, "a", 2) is None
    assert await calls.reserve(KEY, "b", 2) is None
    refusal = await calls.reserve(KEY, "c", 2)
    assert refusal is not None
    assert refusal.reason == "key_sessions"
    assert refusal.retry_after > 0
    assert await calls.reserve(anonymous("192.0.2.2").caller, "c", 2) is None, "another key"


async def test_a_call_that_ended_makes_room(link):
    calls = Quota(link)
    assert await calls.reserve(KEY, "a", 1) is None
    await calls.release(KEY, "a")
    await calls.release(KEY, "a")
    assert await calls.reserve(KEY, "b", 1) is None
    assert await link.call("ZCARD", keys.calls(KEY)) == 1


async def test_a_call_counts_once_and_two_gateways_count_together(link):
    one, other = Quota(link), Quota(link)
    assert await one.reserve(KEY, "a", 2) is None
    assert await other.reserve(KEY, "a", 2) is None
    assert await other.reserve(KEY, "b", 2) is None
    assert await one.reserve(KEY, "c", 2) is not None


async def test_only_so_many_of_a_crowd_get_in(link):
    calls = Quota(link)
    answers = await asyncio.gather(*(calls.reserve(KEY, f"{n}", 3) for n in range(20)))
    assert answers.count(None) == 3


async def test_calls_of_a_gateway_that_died_are_forgotten(link, monkeypatch):
    calls = Quota(link)
    await calls.reserve(KEY, "left behind", 1)
    monkeypatch.setattr(quota, "_FORGOTTEN_AFTER", 0.01)
    while await calls.reserve(KEY, "new", 1) is not None:
        await asyncio.sleep(0.005)


async def test_renewing_counts_a_call_that_came_from_elsewhere_whatever_the_limit(link):
    calls = Quota(link)
    await calls.reserve(KEY, "a", 1)
    await calls.renew({KEY: ["a", "b"], "ff": ["c"]})
    assert await link.call("ZCARD", keys.calls(KEY)) == 2
    assert await link.call("PTTL", keys.calls("ff")) > 0
    await calls.renew({})


class Mute:
    """A link whose Redis does not answer."""

    async def evaluate(self, calls: object) -> None:
        await asyncio.Event().wait()


async def test_who_asks_a_redis_that_does_not_answer_is_not_turned_away(monkeypatch):
    monkeypatch.setattr(quota, "_PATIENCE", 0.01)
    assert await Quota(cast(Link, Mute())).reserve(KEY, "a", 1) is None
