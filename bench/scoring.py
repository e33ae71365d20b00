"""Word error rate as this project states it: lower case, no punctuation, hyphens as spaces."""

from collections.abc import Sequence

from callscribe.loadtest.scoring import word_errors

__all__ = ["percentile", "word_errors"]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0..1) of the values lie; nan for none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
