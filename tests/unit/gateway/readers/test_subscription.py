"""What waits for a reader, until it takes it."""

import asyncio

import pytest

from gateway.readers import subscription
from gateway.readers.reading import Reading
from gateway.readers.subscription import Subscription
from tests.unit.gateway.readers.stored import KNOWN, Redis, feed_of, final


def texts(events: object) -> list[str]:
    assert isinstance(events, list)
    return [event.text for event in events]


async def test_a_slow_reader_is_parked_and_gets_all_of_it_in_order(monkeypatch):
    monkeypatch.setattr(subscription, "MOST_WAITING", 3)
    redis, news = Redis(), asyncio.Event()
    feed = feed_of(redis)
    one = Subscription(feed, Reading(KNOWN), news)
    one.open()
    told: list[str] = []
    for number in range(1, 9):
        redis.tell("s", *(final(text=f"a{each}") for each in range(1, number + 1)))
        await feed.look_for("s")
        assert len(one._waiting) <= 3
    assert news.is_set()
    told += texts(await one.take())
    assert told == ["a1", "a2", "a3"]
    told += texts(await one.take())
    assert told == [f"a{number}" for number in range(1, 9)]
    one.close()
    redis.tell("s", *(final(text=f"a{number}") for number in range(1, 12)))
    await feed.look_for("s")
    assert await one.take() == [], "it was closed"


async def test_everything_is_taken_however_small_the_room(monkeypatch):
    monkeypatch.setattr(subscription, "MOST_WAITING", 1)
    redis = Redis()
    redis.tell("s", *(final(text=f"a{number}") for number in range(1, 4)))
    one = Subscription(feed_of(redis), Reading(KNOWN), asyncio.Event())
    one.open()
    assert texts(await one.everything()) == ["a1", "a2", "a3"]
    one.close()


async def test_a_failure_is_told_to_the_reader_that_takes():
    one = Subscription(feed_of(Redis()), Reading(KNOWN), news := asyncio.Event())
    one.fail(ValueError("junk"))
    assert news.is_set()
    with pytest.raises(ValueError, match="junk"):
        await one.take()
