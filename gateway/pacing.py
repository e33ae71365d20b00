"""Holding back a client that sends faster than it may. Pure: times are seconds of any clock."""

from common.audio import seconds


class Pacer:
    """A bucket of audio: `burst` seconds at once, then `rate` times as fast as it is spoken.

    Nothing is dropped or refused: whoever reads the socket is told for how long not to.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = 0.0
        """Seconds of audio in the bucket at `_at`; it runs out at `_rate`."""
        self._at: float | None = None

    def push(self, samples: int, now: float) -> float:
        """Take in audio of one leg (16 kHz samples); return for how many seconds to read no more.

        0.0 as long as the bucket has not run over. What arrives before that time is over is taken
        in too, and adds to it.
        """
        if self._at is not None:
            self._level = max(0.0, self._level - max(0.0, now - self._at) * self._rate)
        self._at = now
        self._level += seconds(samples)
        return max(0.0, self._level - self._burst) / self._rate


class Brake:
    """The reasons for which a socket is not read: it is, once there is none."""

    def __init__(self) -> None:
        self._reasons: set[str] = set()

    def press(self, reason: str) -> bool:
        """Add a reason; return whether it is the first, so that reading must stop."""
        first = not self._reasons
        self._reasons.add(reason)
        return first

    def release(self, reason: str) -> bool:
        """Take a reason away; return whether it was the last, so that reading may go on."""
        if reason not in self._reasons:
            return False
        self._reasons.discard(reason)
        return not self._reasons
