"""How long audio that has arrived waits for its worker to look at it."""


class Lag:
    """The longest time between two passes over everything that a worker owns, in seconds.

    What arrives at the pace it is spoken waits that long at most. A recording sent at once waits
    longer for its turn, at no loss to anyone, and does not count.
    """

    def __init__(self, now: float) -> None:
        self._last = now
        self._worst = 0.0

    def passed(self, now: float) -> None:
        """Everything owned is being read now."""
        self._worst = max(self._worst, now - self._last)
        self._last = now

    def worst(self, now: float) -> float:
        """Return the longest time since this was last asked; one that lasts still counts."""
        worst, self._worst = max(self._worst, now - self._last), 0.0
        return worst
