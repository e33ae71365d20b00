"""A client that falls silent. Time is what the test says it is."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.conversations.idle import Idle


class Clock:
    """An event loop's clock; it has one timer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: tuple[float, Callable[[], None]] | None = None

    def call_later(self, delay: float, call: Callable[[], None]) -> "Clock":
        self.due = (self.now + delay, call)
        return self

    def cancel(self) -> None:
        self.due = None

    def wait(self, seconds: float) -> None:
        end = self.now + seconds + 1e-6
        while self.due is not None and self.due[0] <= end:
            (self.now, call), self.due = self.due, None
            call()
        self.now = end


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clock)
    return clock


class Watched:
    """What an `Idle` tells and asks."""

    def __init__(self, seconds: float = 10.0) -> None:
        self.expired = 0
        self.excuse = False
        self.idle = Idle(seconds, self._expire, lambda: self.excuse)
        self.idle.begin()

    def _expire(self) -> None:
        self.expired += 1


def test_a_silent_client_expires_once(clock):
    watched = Watched()
    clock.wait(9.99)
    assert watched.expired == 0
    clock.wait(0.6)
    assert watched.expired == 1
    clock.wait(60)
    assert watched.expired == 1


def test_each_message_gives_it_the_whole_time_again(clock):
    watched = Watched()
    for _ in range(5):
        clock.wait(9.8)
        watched.idle.heard()
    assert watched.expired == 0
    clock.wait(9.99)
    assert watched.expired == 0
    clock.wait(0.6)
    assert watched.expired == 1


def test_time_that_is_excused_does_not_count(clock):
    watched = Watched()
    watched.excuse = True
    clock.wait(60)
    watched.excuse = False
    clock.wait(9.8)
    assert watched.expired == 0
    clock.wait(0.8)
    assert watched.expired == 1


def test_nothing_expires_after_the_end_or_without_a_limit(clock):
    closed = Watched()
    closed.idle.close()
    unlimited = Watched(0.0)
    clock.wait(60)
    unlimited.idle.close()
    assert closed.expired == unlimited.expired == 0
