"""When a worker reads all its streams. Pure: times are seconds of any clock."""

from common.ticks import stretch

_CLOCK = 0.001
"""Precision of the event loop's clock (s): a timer may seem to go off too early."""


class Passes:
    """The passes over all work items of a worker, from `now` on; one in `idle` s without any."""

    def __init__(self, idle: float, now: float) -> None:
        self._idle = idle
        self._owned = 0
        self.due = now
        """When the next pass is due."""

    def is_due(self, now: float) -> bool:
        """Tell whether all streams are to be read: the first work item does not wait for it."""
        return not self._owned or now + _CLOCK >= self.due

    def done(self, now: float, tick: float, owned: int) -> None:
        """Note a pass of a worker that owns work items; `tick` is the shortest time to the next."""
        self._owned = owned
        length = tick * stretch(owned) if owned else self._idle
        # At most a tick from now: turns that catch up are shorter than a tick.
        self.due = min(max(self.due + length, now), now + length)
