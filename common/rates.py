"""How often something may happen. Pure: times are seconds of any clock."""

_MOST_NAMES = 4096
"""Buckets kept before those that have run out are looked for."""


class Bucket:
    """A leaky bucket: `burst` may come together, then `rate` a second."""

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = 0.0
        """What is in the bucket at `_at`; it runs out at `_rate`."""
        self._at: float | None = None

    def add(self, amount: float, now: float) -> float:
        """Take in an amount; return for how many seconds to take in no more.

        0.0 as long as the bucket has not run over. An amount that comes before that time is over
        is taken in too, and adds to it.
        """
        self._run_out(now)
        self._level += amount
        return max(0.0, self._level - self._burst) / self._rate

    def try_add(self, amount: float, now: float) -> float:
        """Take in an amount if it fits; else return in how many seconds it would."""
        self._run_out(now)
        excess = self._level + amount - self._burst
        if excess > 0.0:
            return excess / self._rate
        self._level += amount
        return 0.0

    def empty(self, now: float) -> bool:
        """Tell whether everything has run out, so that a new bucket would be the same."""
        self._run_out(now)
        return not self._level

    def _run_out(self, now: float) -> None:
        if self._at is not None:
            self._level = max(0.0, self._level - max(0.0, now - self._at) * self._rate)
        self._at = now


class Rates:
    """A bucket for each name: how often each may do something."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: dict[str, Bucket] = {}

    def try_add(self, name: str, now: float) -> float:
        """Count one more if that is not too often; else return in how many seconds it may be."""
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= _MOST_NAMES:
                self._buckets = {n: b for n, b in self._buckets.items() if not b.empty(now)}
            bucket = self._buckets[name] = Bucket(self._rate, self._burst)
        return bucket.try_add(1.0, now)
