"""A clock that skips the time in which nothing happens: an hour of calls takes a minute.

The event loop and `time.monotonic` go by it. It is real time, and ahead by whatever was skipped:
the loop waits for its sockets only while Redis owes it a reply, and otherwise lets the next timer
come. So all that is measured in seconds of one process takes its full course. Redis keeps its own
time; no key there may depend on an hour that has passed for one process alone.
"""

import asyncio
import selectors
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from common.redis.pipe import Pipe

_PATIENCE = 1.0
"""Real seconds that the loop waits for a reply before it lets its timers run."""
_YEAR = 3e7


class Clock:
    """See the module; nothing is skipped until `skipping` is set."""

    def __init__(self) -> None:
        self.skipping = False
        self.owed = 0
        """Batches that Redis has not answered, apart from those that wait for news."""
        self._skipped = 0.0
        self._real = time.monotonic  # before it is replaced by `now`

    def now(self) -> float:
        """Return the time, in seconds."""
        return self._real() + self._skipped

    def skip(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._skipped += seconds


class _Selector(selectors.DefaultSelector):
    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            return found
        if timeout is None or not self._clock.skipping:
            return super().select(timeout)
        if self._clock.owed:
            return super().select(_PATIENCE)
        self._clock.skip(timeout)
        return found


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        super().__init__(_Selector(clock))

    def time(self) -> float:
        return self._clock.now()


@contextmanager
def false_time() -> Iterator[tuple[Clock, asyncio.Runner]]:
    """Let this process go by a clock of its own; coroutines run in the runner."""
    clock, send = Clock(), Pipe.send

    def answered(_: object) -> None:
        clock.owed -= 1

    def sending(pipe: Pipe, data: bytes, count: int, timeout: float) -> Any:
        if b"\r\nBLOCK\r\n" in data[:200]:  # it waits in Redis, by Redis's clock
            return send(pipe, data, count, timeout + _YEAR)
        waiter = send(pipe, data, count, timeout)
        clock.owed += 1
        waiter.add_done_callback(answered)
        return waiter

    with (
        patch("time.monotonic", clock.now),
        patch.object(Pipe, "send", sending),
        asyncio.Runner(loop_factory=lambda: _Loop(clock)) as runner,
    ):
        yield clock, runner
