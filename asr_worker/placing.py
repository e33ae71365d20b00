"""Where the words of an utterance lie: in order, apart, and within it, whatever an engine says."""

from collections.abc import Sequence

from asr_worker.api import Word
from common.audio import SAMPLE_RATE, samples
from common.pipeline.text import TimedWord

_LEAST = samples(0.02)
"""The shortest word: engines tell times no finer."""


def placed(words: Sequence[Word], start: int, end: int) -> tuple[TimedWord, ...]:
    """Return the words of the utterance [start, end), timed in seconds from `start`, as positions.

    Each begins behind the beginning of the one before, lasts for at least 20 ms, and ends before
    the next begins; all lie in the utterance. One with too little room for that gives each word an
    equal part.
    """
    least = max(1, min(_LEAST, (end - start) // max(1, len(words))))
    starts: list[int] = []
    for number, word in enumerate(words):
        earliest = starts[-1] + least if starts else start
        latest = end - least * (len(words) - number)
        starts.append(max(earliest, min(latest, start + round(word.start * SAMPLE_RATE))))
    found: list[TimedWord] = []
    for word, begin, following in zip(words, starts, [*starts[1:], end], strict=False):
        until = start + round(word.end * SAMPLE_RATE)
        found.append(
            TimedWord(word.text, begin, max(begin + least, min(following, until)), word.probability)
        )
    return tuple(found)
