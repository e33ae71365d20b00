"""Exponential back-off: pauses that double up to a maximum."""

import random
from collections.abc import Iterator
from itertools import count


def doubled(first: float, times: int, most: float) -> float:
    """Return `first` doubled `times` times, `most` at most."""
    return min(most, first * 2.0 ** min(times, 64))


def upper_half(pause: float, chance: float) -> float:
    """Return between half and all of a pause; `chance` is a random number from 0 to 1."""
    return pause * (0.5 + chance / 2)


def pauses(first: float, most: float) -> Iterator[float]:
    """Yield pauses in seconds: doubling from `first` to `most`, jittered over their upper half."""
    for times in count():
        yield upper_half(doubled(first, times, most), random.random())
