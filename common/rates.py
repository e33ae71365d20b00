"""How often something may happen. Pure: times are seconds of any clock."""

_MOST_NAMES = 4096
"""Buckets kept before empty ones are removed, and then twice those that were left."""


class Bucket:
    """A leaky bucket: `burst` may come together, then `rate` a second."""

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = 0.0
        """The contents of the bucket at `_at`; they leak at `_rate`."""
        self._at: float | None = None

    def add(self, amount: float, now: float) -> float:
        """Add an amount; return for how many seconds nothing more should be added.

        0.0 unless the bucket is above `burst`. An amount that comes before that time is over is
        still added, and lengthens it.
        """
        self._leak(now)
        self._level += amount
        return max(0.0, self._level - self._burst) / self._rate

    def try_add(self, amount: float, now: float) -> float:
        """Add an amount if it fits; else return in how many seconds it would."""
        self._leak(now)
        excess = self._level + amount - self._burst
        if excess > 0.0:
            return excess / self._rate
        self._level += amount
        return 0.0

    def empty(self, now: float) -> bool:
        """Tell whether the bucket is empty, so that a new one would be the same."""
        self._leak(now)
        return not self._level

    def _leak(self, now: float) -> None:
        if self._at is not None:
            self._level = max(0.0, self._level - max(0.0, now - self._at) * self._rate)
        self._at = now


class Rates:
    """A bucket for each name: how often each may do something."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, Bucket] = {}
        self._tidy_at = _MOST_NAMES

    def try_add(self, name: str, now: float) -> float:
        """Count one more if it is within the rate; else return in how many seconds it will be."""
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= self._tidy_at:
                self._buckets = {n: b for n, b in self._buckets.items() if not b.empty(now)}
                self._tidy_at = max(_MOST_NAMES, 2 * len(self._buckets))
            bucket = self._buckets[name] = Bucket(self._rate, self._burst)
        return bucket.try_add(1.0, now)
