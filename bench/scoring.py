"""Word error rate as this project states it: lower case, no punctuation, hyphens as spaces."""

import re
from collections.abc import Sequence

import jiwer


def normalise(text: str) -> str:
    """Return words as they are compared."""
    return " ".join(re.sub(r"[^\w\s']", "", text.lower().replace("-", " ")).split())


def word_errors(references: Sequence[str], hypotheses: Sequence[str]) -> tuple[int, int]:
    """Return (errors, reference words) over all pairs."""
    pairs = [normalise(text) for text in references], [normalise(text) for text in hypotheses]
    counts = jiwer.process_words(*pairs)
    errors = counts.substitutions + counts.deletions + counts.insertions
    return errors, counts.hits + counts.substitutions + counts.deletions


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0..1) of the values lie; nan for none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
