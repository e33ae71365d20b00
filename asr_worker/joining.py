"""One hypothesis from those of an utterance's parts."""

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from operator import add

from asr_worker.api import Hypothesis
from common.languages import UNSPACED, code_of


def joined(parts: Iterable[tuple[float, Hypothesis]]) -> Hypothesis:
    """Return the hypothesis of the whole; with each part comes its start in seconds.

    Its language is that of the first part with one. Only a part that is the whole keeps its memory.
    """
    found = list(parts)
    if len(found) == 1 and not found[0][0]:
        return found[0][1]
    hypotheses = [hypothesis for _, hypothesis in found]
    first = next((each for each in hypotheses if each.language), Hypothesis(""))
    language = first.language
    space = "" if language and code_of(language) in UNSPACED else " "
    words = [
        replace(word, start=at + word.start, end=at + word.end)
        for at, each in found
        for word in each.words or ()
    ]
    usages = [each.usage for each in hypotheses if each.usage is not None]
    return Hypothesis(
        text=space.join(each.text for each in hypotheses if each.text),
        language=language,
        language_confidence=first.language_confidence,
        words=None if any(each.words is None for each in hypotheses) else tuple(words),
        complete=all(each.complete for each in hypotheses),
        usage=reduce(add, usages) if usages else None,
        mark=hypotheses[-1].mark if hypotheses else None,
    )
