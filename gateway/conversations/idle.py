"""Notices a client that has fallen silent, for protocols that close the connection then."""

import asyncio
from collections.abc import Callable

_CHECKS = 20
"""How often a client is looked at before it counts as idle. A message costs no look at a clock."""


class Idle:
    """Calls `expired` once, when nothing was heard for `seconds` after `begin`; 0: never.

    Time during which `excused` returns True does not count. It is late by up to a twentieth.
    """

    def __init__(
        self, seconds: float, expired: Callable[[], None], excused: Callable[[], bool]
    ) -> None:
        self._every = seconds / _CHECKS
        self._expired = expired
        self._excused = excused
        self._quiet = 0
        """How many checks have passed since anything was heard."""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Begin to count."""
        if self._every:
            self._timer = asyncio.get_running_loop().call_later(self._every, self._check)

    def heard(self) -> None:
        """Take note of a message."""
        self._quiet = 0

    def close(self) -> None:
        """Stop counting."""
        if self._timer is not None:
            self._timer.cancel()

    def _check(self) -> None:
        self._quiet = 0 if self._excused() else self._quiet + 1
        # The first check after a message may come immediately.
        if self._quiet > _CHECKS:
            self._expired()
        else:
            self.begin()
