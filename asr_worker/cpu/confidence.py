"""How sure a word is, from what its model says of it. Pure.

Models say of right words that they are less likely than they are: words to which tiny.en gives 0.6
to 0.7 are right in 88 of 100 cases. So what a model says, p, becomes the logistic function of
`shift + slope * log(p / (1 - p))`, fitted for each model to 1 436 words of telephone prompts, read
speech and the sample call. Fitted to one half of the recordings, it is off by 0.8 points (tiny.en),
2.8 (base) and 1.4 (Moonshine) in the other half, where the models alone are off by 6.1, 9.5 and 7.3
points: the mean over ten equal parts of the scale, weighted by their words (`python -m bench
confidence`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import exp, log

from asr_worker.api import Word

_LEAST, _MOST = 0.0001, 0.999


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted to one model; see the module."""

    shift: float
    slope: float

    def sure(self, probability: float) -> float:
        """Return how often words are right that the model says this of."""
        bounded = min(max(probability, _LEAST), _MOST)
        return 1 / (1 + exp(-self.shift - self.slope * log(bounded / (1 - bounded))))

    def words(self, words: Iterable[Word]) -> Iterator[Word]:
        """Yield the words, each as sure as it is."""
        for word in words:
            yield replace(word, probability=self.sure(word.probability))
