"""How long arrived audio waits for its worker to read it."""


class Lag:
    """The longest time between two passes over all work items of a worker, in seconds.

    Audio that arrives at the pace of speech waits that long at most. A recording sent faster waits
    longer, which harms nobody and does not count. Idle at first.
    """

    def __init__(self) -> None:
        self._last: float | None = None
        self._worst = 0.0

    def passed(self, now: float) -> None:
        """Note that all work items are being read now."""
        self._worst = self._until(now)
        self._last = now

    def idle(self) -> None:
        """Note that there are no work items, so that nothing waits until the next pass."""
        self._last = None

    def worst(self, now: float) -> float:
        """Return the longest time since the last call; one that still lasts counts too."""
        worst, self._worst = self._until(now), 0.0
        return worst

    def _until(self, now: float) -> float:
        return self._worst if self._last is None else max(self._worst, now - self._last)
