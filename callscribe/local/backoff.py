"""How long to wait before a process that died is started again: pure arithmetic."""

from common.backoff import doubled, upper_half

FIRST = 0.25
"""Seconds before the first restart: long enough for what killed it to be over."""
MOST = 30.0
"""Seconds that no pause is longer than."""
SETTLED = 10.0
"""Seconds ready after which the deaths before count no more. What kills a worker as soon as it has
its work back, a lease after its last death, does so well within them."""


class Backoff:
    """The pauses of one process: each twice the one before, until it was ready for long enough."""

    def __init__(self) -> None:
        self._times = 0

    def pause(self, ready_for: float, spread: float) -> float:
        """Return the seconds to wait after a death, between half and all of the next pause.

        `ready_for` is for how many seconds the process was ready before it died, 0 if it never
        was; `spread` is a random number in [0, 1), so that processes that one cause has killed
        do not start all at once. Up to the longest, no pause is shorter than the one before, unless
        the process was ready for `SETTLED` seconds.
        """
        if ready_for >= SETTLED:
            self._times = 0
        whole = doubled(FIRST, self._times, MOST)
        self._times += 1
        return upper_half(whole, spread)
