"""The search for the most calls that meet an objective, by a coarse ramp and halving. Pure."""

from collections.abc import Sequence
from math import ceil, floor

RESOLUTION = 0.05
"""The search ends when it knows the limit to this share, or to one call."""
MARGIN = 0.1
"""Share by which the figure is below the limit: at the limit itself every second load breaks."""
AGREEMENT = 0.1
"""Share, or else one call, by which limits may differ."""
SURPLUS = 1.3
"""How many times the figure is asked for, to see that the rest is refused."""


class Search:
    """What is known of a limit: `holds` calls met the objective, `breaks` did not.

    The ramp begins with `start` calls and multiplies them by `growth`, up to `most`.
    """

    def __init__(self, start: int, *, growth: float, most: int) -> None:
        self.holds = 0
        self.breaks: int | None = None
        self._start = min(start, most)
        self._growth = growth
        self._most = most

    def next(self) -> int | None:
        """Return how many calls to try, None once the limit is known: it is `holds`."""
        if self.breaks is None:
            if not self.holds:
                return self._start
            more = max(self.holds + 1, floor(self.holds * self._growth))
            return None if self.holds >= self._most else min(more, self._most)
        if self.breaks - self.holds <= max(1, RESOLUTION * self.holds):
            return None
        if not self.holds:
            return min(self.breaks - 1, max(1, floor(self.breaks / self._growth)))
        return (self.holds + self.breaks) // 2

    def note(self, calls: int, *, held: bool) -> None:
        """Take note of a trial with the number that `next` named."""
        if held:
            self.holds = calls
        else:
            self.breaks = calls


def figure(limits: Sequence[int], workers: int) -> int:
    """Return the calls to rely on: the least limit less the margin, in equal parts for `workers`.

    0 where not even a call for each worker is left.
    """
    least = min(limits)
    return min(least, max(1, floor(least * (1 - MARGIN) + 1e-9))) // workers * workers


def lowered(figure: int, workers: int) -> int:
    """Return the next smaller figure to prove, 0 if there is none."""
    step = max(1, floor(figure * MARGIN))
    return max(0, (figure - step) // workers * workers)


def surplus(figure: int) -> int:
    """Return how many calls are too many for a figure."""
    return ceil(figure * SURPLUS - 1e-9)


def apart(limits: Sequence[int]) -> float:
    """Return by which share of the largest limit they differ."""
    return 1 - min(limits) / max(limits) if any(limits) else 0.0


def agree(limits: Sequence[int]) -> bool:
    """Tell whether limits agree within what the search can tell."""
    return max(limits) - min(limits) <= 1 or apart(limits) <= AGREEMENT
