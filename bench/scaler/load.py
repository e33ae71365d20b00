"""Calls to simulate: a ramp and a day, from a seed. They arrive at random and last at random."""

from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import exp, log
from random import Random

MEAN_CALL_S = 180.0
"""Mean of the exponential distribution of a call's length."""

_HOURS = [0.06, 0.05, 0.05, 0.05, 0.06, 0.10, 0.20, 0.45, 0.80, 0.98, 1.00, 0.95]
_HOURS += [0.82, 0.85, 0.95, 0.97, 0.90, 0.75, 0.58, 0.44, 0.33, 0.22, 0.14, 0.09]
"""The share of its busiest hour that a call centre has in each hour of the day."""


@dataclass(frozen=True)
class Load:
    """How many calls there are meant to be at each time, in s from the beginning."""

    name: str
    seconds: int
    calls: Callable[[float], float]


def ramp(
    low: float,
    high: float,
    *,
    rest_s: int = 600,
    rise_s: int = 600,
    top_s: int = 1800,
    fall_s: int = 600,
    end_s: int = 2400,
) -> Load:
    """Return a load that grows from `low` to `high` within `rise_s`, stays, and falls again."""
    corners = [*accumulate((0, rest_s, rise_s, top_s, fall_s, end_s))]
    return Load("ramp", corners[-1], _line(corners, [low, low, high, high, low, low]))


def day(high: float) -> Load:
    """Return a day that has `high` calls in its busiest hour."""
    hours = [high * share for share in (*_HOURS, _HOURS[0])]
    return Load("day", 86_400, _line([3600 * hour for hour in range(25)], hours))


def arrivals(load: Load, rng: Random) -> Iterator[int]:
    """Yield the new calls of each second, a Poisson process that keeps to the load on average."""
    for second in range(load.seconds):
        now = load.calls(second)
        growth = load.calls(second + 1) - now
        yield _poisson(max(0.0, now / MEAN_CALL_S + growth), rng)


def length(rng: Random) -> float:
    """Return how long a call lasts, in s. Only `Random.random` is the same in every Python."""
    return -MEAN_CALL_S * log(1 - rng.random())


def _poisson(mean: float, rng: Random) -> int:
    """Return a sample, by Knuth's method: The Art of Computer Programming 2, 3.4.1."""
    least, product, number = exp(-mean), rng.random(), 0
    while product > least:
        product *= rng.random()
        number += 1
    return number


def _line(times: Sequence[float], values: Sequence[float]) -> Callable[[float], float]:
    """Return the function that goes straight from each point to the next."""

    def at(time: float) -> float:
        after = min(max(bisect(times, time), 1), len(times) - 1)
        start, low = times[after - 1], values[after - 1]
        return low + (values[after] - low) * (time - start) / (times[after] - start)

    return at
