"""Pausing one connection: its reasons add up, and it resumes when the last one is gone."""

import asyncio
import logging
from types import SimpleNamespace

from gateway.uplink.throttle import Throttle
from gateway.uplink.writer import MOST_WAITING
from tests.unit.gateway.stand_ins import Client


def throttled(rate: float = 1.0, burst: float = 1.0) -> tuple[Throttle, Client]:
    client = Client()
    return Throttle("connection", client.set_paused, rate=rate, burst=burst), client


def test_it_is_held_for_the_first_reason_and_let_go_with_the_last():
    throttle, client = throttled()
    throttle.set_paused("memory", True)
    throttle.set_paused("redis", True)
    throttle.set_paused("memory", True)
    assert client.paused == [True]
    throttle.set_paused("memory", False)
    throttle.set_paused("memory", False)
    assert client.paused == [True]
    throttle.set_paused("redis", False)
    assert client.paused == [True, False]


def test_a_leg_that_waits_for_redis_is_held_until_half_of_it_is_gone():
    throttle, client = throttled()
    throttle.store(MOST_WAITING)
    assert client.paused == []
    throttle.store(MOST_WAITING + 1)
    throttle.store(MOST_WAITING // 2 + 1)
    assert client.paused == [True]
    throttle.store(MOST_WAITING // 2)
    assert client.paused == [True, False]


async def test_who_is_far_ahead_of_what_he_says_waits_and_goes_on():
    throttle, client = throttled(rate=1_000.0, burst=1.0)
    throttle.pace(16_000)
    assert client.paused == []
    throttle.pace(16_000)
    throttle.pace(16_000)
    assert client.paused == [True]
    async with asyncio.timeout(5):
        while client.paused == [True]:
            await asyncio.sleep(0.001)
    assert client.paused == [True, False]


async def test_a_client_that_sends_more_controls_than_any_needs_waits_and_goes_on(monkeypatch):
    monkeypatch.setattr("gateway.uplink.throttle._CONTROLS_RATE", 1_000.0)
    still = SimpleNamespace(monotonic=lambda: 100.0)
    monkeypatch.setattr("gateway.uplink.throttle.time", still)
    throttle, client = throttled()
    for _ in range(200):
        throttle.control()
    assert client.paused == []
    throttle.control()
    throttle.control()
    assert client.paused == [True]
    throttle.pace(0)
    async with asyncio.timeout(5):
        while client.paused == [True]:
            await asyncio.sleep(0.001)
    assert client.paused == [True, False]


async def test_no_pause_outlives_the_connection():
    throttle, client = throttled(rate=1_000.0, burst=0.0)
    throttle.pace(16_000)
    throttle.close()
    await asyncio.sleep(0.01)
    assert client.paused == [True]


def test_the_log_tells_whose_connection_is_held_and_why(caplog):
    caplog.set_level(logging.INFO, "callscribe")
    throttle, _ = throttled()
    throttle.set_paused("memory", True)
    # It turned out to be one that resumes a call.
    throttle.session = "call"
    throttle.set_paused("memory", False)
    told = [(record.getMessage(), record.fields) for record in caplog.records]
    assert told == [
        ("session.held", {"session": "connection", "reason": "memory"}),
        ("session.released", {"session": "call", "reason": "memory"}),
    ]
