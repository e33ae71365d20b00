"""A key's calls, counted in a real Redis."""

import asyncio
from typing import cast

import pytest

from common.bus import keys
from common.redis.link import Link
from gateway.admission import quota
from gateway.admission.quota import Quota, caller

KEY = caller({}, "192.0.2.1")


async def test_a_key_has_so_many_calls_and_then_no_more(link):
    calls = Quota(link, 2)
    assert await calls.reserve(KEY, "a") is None
    assert await calls.reserve(KEY, "b") is None
    refusal = await calls.reserve(KEY, "c")
    assert refusal is not None
    assert refusal.reason == "key_sessions"
    assert refusal.retry_after > 0
    assert await calls.reserve(caller({}, "192.0.2.2"), "c") is None, "another key"


async def test_a_call_that_ended_makes_room(link):
    calls = Quota(link, 1)
    assert await calls.reserve(KEY, "a") is None
    await calls.release(KEY, "a")
    await calls.release(KEY, "a")
    assert await calls.reserve(KEY, "b") is None
    assert await link.call("ZCARD", keys.calls(KEY)) == 1


async def test_a_call_counts_once_and_two_gateways_count_together(link):
    one, other = Quota(link, 2), Quota(link, 2)
    assert await one.reserve(KEY, "a") is None
    assert await other.reserve(KEY, "a") is None
    assert await other.reserve(KEY, "b") is None
    assert await one.reserve(KEY, "c") is not None


async def test_only_so_many_of_a_crowd_get_in(link):
    calls = Quota(link, 3)
    answers = await asyncio.gather(*(calls.reserve(KEY, f"{n}") for n in range(20)))
    assert answers.count(None) == 3


async def test_calls_of_a_gateway_that_died_are_forgotten(link, monkeypatch):
    calls = Quota(link, 1)
    await calls.reserve(KEY, "left behind")
    monkeypatch.setattr(quota, "_FORGOTTEN_AFTER", 0.01)
    while await calls.reserve(KEY, "new") is not None:
        await asyncio.sleep(0.005)


async def test_renewing_counts_a_call_that_came_from_elsewhere_whatever_the_limit(link):
    calls = Quota(link, 1)
    await calls.reserve(KEY, "a")
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
    assert await Quota(cast(Link, Mute()), 1).reserve(KEY, "a") is None


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": ["secret"]},
        {"authorization": ["Bearer secret"]},
        {"authorization": ["bearer  secret "]},
        {"authorization": ["Token secret"]},
        {"sec-websocket-protocol": ["token, secret"]},
        {"sec-websocket-protocol": ["realtime, openai-insecure-api-key.secret"]},
        {"sec-websocket-protocol": ["bearer", "secret"]},
        {"x-api-key": ["secret"], "authorization": ["Bearer other"]},
        {"x-api-key": ["secret", "another"]},
    ],
)
def test_a_client_is_known_by_what_it_says_of_itself(headers):
    said = caller(headers, "192.0.2.1")
    assert said == caller({"x-api-key": ["secret"]}, "192.0.2.2")
    assert "secret" not in said


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": [""]},
        {"authorization": ["Basic x"]},
        {"authorization": ["Bearer "]},
        {"sec-websocket-protocol": ["token"]},
        {"sec-websocket-protocol": ["openai-insecure-api-key."]},
        {"sec-websocket-protocol": ["a, b"]},
    ],
)
def test_who_says_nothing_is_known_by_his_address(headers):
    assert caller(headers, "192.0.2.1") == KEY
    assert caller({"x-api-key": ["192.0.2.1"]}, "192.0.2.1") != KEY
