"""Repairing times so that they never decrease."""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np


def repair(bins: Sequence[int]) -> list[int]:
    """Return `bins` with outliers replaced, so that none is smaller than the one before.

    A longest non-decreasing subsequence stays. The others are placed between their neighbours
    that stay, evenly by index; at the ends they get the nearest one's value. O(n log n).
    """
    if not bins:
        return []
    kept = _longest(bins)
    evenly = np.interp(range(len(bins)), kept, [bins[i] for i in kept])
    return [int(each) for each in np.rint(evenly)]


def _longest(values: Sequence[int]) -> list[int]:
    """Return the indices of a longest non-decreasing subsequence.

    Patience sorting: Fredman, "On computing the length of longest increasing subsequences",
    Discrete Mathematics 11 (1975). `tails[k]` is the smallest value that ends a subsequence of
    k + 1 values so far, `ends[k]` its index; each value remembers the one it was put behind.
    """
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for i, value in enumerate(values):
        length = bisect_right(tails, value)
        before.append(ends[length - 1] if length else -1)
        if length == len(tails):
            tails.append(value)
            ends.append(i)
        else:
            tails[length], ends[length] = value, i
    indices = []
    at = ends[-1]
    while at >= 0:
        indices.append(at)
        at = before[at]
    return indices[::-1]
