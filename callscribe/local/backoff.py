"""The pause before a process that died is restarted. Pure."""

from common.backoff import doubled, upper_half

FIRST = 0.25
"""Seconds before the first restart: by then the cause of the death may be over."""
MOST = 30.0
"""The longest pause, in seconds."""
SETTLED = 10.0
"""Seconds of being ready after which earlier deaths no longer count. Work that kills its worker
again comes back after a lease, well within this time."""


class Backoff:
    """The pauses of one process: each twice the one before, until it stays ready."""

    def __init__(self) -> None:
        self._times = 0

    def pause(self, ready_for: float, spread: float) -> float:
        """Return the seconds to wait after a death, between half and all of the next pause.

        `ready_for`: seconds that the process was ready before it died, 0 if it never was. `spread`
        is a random number in [0, 1), so that processes with the same cause of death do not all
        start together. Up to the longest, no pause is shorter than the one before, unless the
        process was ready for `SETTLED` seconds.
        """
        if ready_for >= SETTLED:
            self._times = 0
        whole = doubled(FIRST, self._times, MOST)
        self._times += 1
        return upper_half(whole, spread)
