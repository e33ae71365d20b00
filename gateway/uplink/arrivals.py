"""When a session's audio arrived, to measure the latencies that callers feel."""

import time
from collections import deque

from common.audio import seconds

_LIVE_AHEAD = 2.0
"""Seconds that a live client may be ahead of its own clock, for bursts of a jittery network."""
_EVERY = 1600
_KEPT = 128


class Arrivals:
    """The arrival times of a session's recent audio."""

    def __init__(self, start: int) -> None:
        self.start = start
        """Where this connection's audio begins."""
        self._position = start
        self._began: float | None = None
        self._marks: deque[tuple[int, float]] = deque(maxlen=_KEPT)

    def note(self, position: int) -> None:
        """Take note that the audio before `position` has arrived."""
        now = time.monotonic()
        self._position = position
        if self._began is None:
            self._began = now
        if not self._marks or position - self._marks[-1][0] >= _EVERY:
            self._marks.append((position, now))

    @property
    def live(self) -> bool:
        """Whether the audio comes at the pace it is spoken; latencies mean nothing in an upload."""
        return self.ahead < _LIVE_AHEAD

    @property
    def ahead(self) -> float:
        """Seconds that the audio is ahead of the time since it began; negative where it is late."""
        passed = 0.0 if self._began is None else time.monotonic() - self._began
        return seconds(self._position - self.start) - passed

    def age(self, position: int) -> float:
        """Return seconds since the audio before `position` had arrived; 0 if that is not known."""
        arrived = None
        for end, at in reversed(self._marks):  # the newest are asked for
            if end < position:
                break
            arrived = at
        return time.monotonic() - arrived if arrived is not None else 0.0
