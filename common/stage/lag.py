"""How long arrived audio waits for its worker to read it."""


class Lag:
    """The longest time between two passes over all work items of a worker, in seconds.

    Audio that arrives at the pace of speech waits that long at most. A recording sent faster waits
    longer, which harms nobody and does not count.
    """

    def __init__(self, now: float) -> None:
        self._last = now
        self._worst = 0.0

    def passed(self, now: float) -> None:
        """Note that all work items are being read now."""
        self._worst = max(self._worst, now - self._last)
        self._last = now

    def worst(self, now: float) -> float:
        """Return the longest time since the last call; one that still lasts counts too."""
        worst, self._worst = max(self._worst, now - self._last), 0.0
        return worst
