"""When a session's audio arrived, to measure the latencies that callers feel."""

import time

from common.audio import seconds
from gateway.uplink.marks import Marks

_LIVE_AHEAD = 2.0
"""Seconds that a live client may be ahead of its own clock, for bursts of a jittery network."""


class Arrivals:
    """When a session's recent audio and controls were received, and when Redis had them."""

    def __init__(self, start: int) -> None:
        self.start = start
        """Where this connection's audio begins."""
        self.received = Marks(start)
        self.stored = Marks(start)
        """Both by the monotonic clock."""
        self._position = start
        self._began: float | None = None
        self._newest = time.monotonic()

    def note(self, position: int) -> None:
        """Take note that the audio before `position` has arrived."""
        now = time.monotonic()
        self._position = position
        self._newest = now
        if self._began is None:
            self._began = now
        self.received.audio(position, now)

    def note_control(self, position: int) -> None:
        """Take note that a control behind the audio before `position` has arrived."""
        self.received.control(position, time.monotonic())

    @property
    def live(self) -> bool:
        """Whether the audio comes at the pace it is spoken; latencies mean nothing in an upload."""
        return self.ahead < _LIVE_AHEAD

    @property
    def silence(self) -> float:
        """Seconds since audio came last, or else since this began."""
        return time.monotonic() - self._newest

    @property
    def ahead(self) -> float:
        """Seconds that the audio is ahead of the time since it began; negative where it is late."""
        passed = 0.0 if self._began is None else time.monotonic() - self._began
        return seconds(self._position - self.start) - passed

    def age(self, position: int) -> float | None:
        """Return seconds since the audio before `position` had arrived; None if not known."""
        arrived = self.received.oldest_from(position)
        return time.monotonic() - arrived if arrived is not None else None
