"""Noticing that an engine in a process of its own has not died, and answers nothing any more."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from asr_worker.api import EngineDead

_LEAST, _PER_SECOND = 30.0, 4.0
_LOOK_S = 1.0


def patience(seconds: float) -> float:
    """Return the seconds that an engine has for `seconds` of audio.

    An engine at a quarter of real time serves no live call, so a decode that takes longer hangs.
    """
    return _LEAST + _PER_SECOND * seconds


@dataclass(slots=True, eq=False)
class _Request:
    patience: float
    since: int
    """Looks before it."""


class Watchdog:
    """Counts how long an engine answers none of the requests that it has. One event loop.

    Time is counted in looks: one that comes late, since this process was paused, counts as one. A
    request that takes long beside others that are answered is only slow.
    """

    def __init__(self) -> None:
        self._requests: set[_Request] = set()
        self._looks = 0
        self._answered = 0
        """Looks before the last answer."""

    @contextmanager
    def request(self, seconds: float) -> Iterator[None]:
        """Hold this while the engine has a request about `seconds` of audio.

        An exception is no answer: a request can fail, and be cancelled, in this process.
        """
        request = _Request(patience(seconds), self._looks)
        self._requests.add(request)
        try:
            yield
            self._answered = self._looks
        finally:
            self._requests.remove(request)

    async def watch(self, death: Coroutine[Any, Any, None]) -> None:
        """Await the engine's `watch`; raise EngineDead as well once the engine hangs."""
        watching = asyncio.create_task(death)
        try:
            while not (await asyncio.wait({watching}, timeout=_LOOK_S))[0]:
                self._look()
            watching.result()
        finally:
            watching.cancel()

    def _look(self) -> None:
        self._looks += 1
        for request in self._requests:
            silent = (self._looks - max(request.since, self._answered)) * _LOOK_S
            if silent > request.patience:
                raise EngineDead(f"the engine hangs: no answer in {silent:.0f} s")
