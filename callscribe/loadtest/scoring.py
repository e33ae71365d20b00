"""Comparison of the recognised words with the reference.

Words are compared in lower case, without punctuation, hyphens as spaces.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import jiwer

from callscribe.loadtest.tally import Spoken


@dataclass(frozen=True, kw_only=True)
class Words:
    """Edit distances of all that was said; `lost_passages` of `passages` lack half their words."""

    reference: int = 0
    wrong: int = 0
    missing: int = 0
    added: int = 0
    passages: int = 0
    lost_passages: int = 0

    @property
    def errors(self) -> int:
        """Words wrong, missing or added."""
        return self.wrong + self.missing + self.added


def normalise(text: str) -> str:
    """Return words as they are compared."""
    return " ".join(re.sub(r"[^\w\s']", "", text.lower().replace("-", " ")).split())


def word_errors(references: Sequence[str], hypotheses: Sequence[str]) -> tuple[int, int]:
    """Return (errors, reference words) over all pairs."""
    pairs = [normalise(text) for text in references], [normalise(text) for text in hypotheses]
    counts = jiwer.process_words(*pairs)
    errors = counts.substitutions + counts.deletions + counts.insertions
    return errors, counts.hits + counts.substitutions + counts.deletions


def score(spoken: Iterable[Spoken]) -> Words:
    """Compare channel by channel; channels without a reference are skipped."""
    total = dict.fromkeys(("reference", "wrong", "missing", "added", "passages"), 0)
    lost = 0
    for each in spoken:
        passages = [words for text in each.passages if (words := normalise(text).split())]
        if not passages:
            continue
        reference = " ".join(word for words in passages for word in words)
        result = jiwer.process_words(reference, normalise(each.text))
        total["reference"] += sum(map(len, passages))
        total["wrong"] += result.substitutions
        total["missing"] += result.deletions
        total["added"] += result.insertions
        total["passages"] += len(passages)
        missing: set[int] = set()
        for chunk in result.alignments[0]:
            if chunk.type == "delete":
                missing.update(range(chunk.ref_start_idx, chunk.ref_end_idx))
        begin = 0
        for words in passages:
            end = begin + len(words)
            lost += 2 * len(missing.intersection(range(begin, end))) > len(words)
            begin = end
    return Words(**total, lost_passages=lost)
