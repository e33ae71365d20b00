"""The words of a hypothesis, once its text was put otherwise in part."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import pairwise

import numpy as np

from asr_worker.api import Hypothesis, Word


def respelled(hypothesis: Hypothesis, text: str) -> Hypothesis:
    """Return it with `text`. Words that both have keep their times; others share what is between.

    A word that replaces others has the probability of the least sure one of them. One that replaces
    none takes half of the time of its neighbour, and has probability 0.
    """
    if text == hypothesis.text:
        return hypothesis
    words = None if hypothesis.words is None else tuple(_words(hypothesis.words, text.split()))
    return replace(hypothesis, text=text, words=words)


def _words(heard: Sequence[Word], said: Sequence[str]) -> list[Word]:
    """Return the words `said` where `heard` puts them."""
    words: list[Word] = []
    keys = [_key(each.text) for each in heard], [_key(each) for each in said]
    changes = SequenceMatcher(None, *keys, autojunk=False).get_opcodes()
    heard = list(heard)
    for _, first, last, begin, end in changes:
        here, texts = heard[first:last], said[begin:end]
        if len(here) == len(texts):
            words += [replace(word, text=each) for each, word in zip(texts, here, strict=True)]
        elif here:
            sure = min(each.probability for each in here)
            words += _between(here[0].start, here[-1].end, texts, sure)
        elif words:
            before = words[-1]
            middle = (before.start + before.end) / 2
            words[-1] = replace(before, end=middle)
            words += _between(middle, before.end, texts, 0.0)
        else:
            after = heard[first] if heard else Word("", 0.0, 0.0, 0.0)
            middle = (after.start + after.end) / 2
            heard[first : first + 1] = [replace(after, start=middle)]
            words += _between(after.start, middle, texts, 0.0)
    return words


def _between(start: float, end: float, texts: Sequence[str], sure: float) -> list[Word]:
    """Return words that share a time equally."""
    edges = pairwise(np.linspace(start, end, len(texts) + 1).tolist())
    return [Word(each, *edge, sure) for each, edge in zip(texts, edges, strict=True)]


def _key(word: str) -> str:
    return "".join(each for each in word.casefold() if each.isalnum())
