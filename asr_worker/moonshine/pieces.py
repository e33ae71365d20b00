"""Moonshine's results, window by window, and in how much silence each is tried.

Moonshine hears what it is given and no more. It was trained on whole sentences: without silence
behind the last word it may leave that out or write another one. Silence also makes clips of equal
length, which are decoded together.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from asr_worker.cpu import clips
from asr_worker.cpu.guards import Written
from common.audio import SAMPLE_RATE, FloatArray

_STEP = SAMPLE_RATE // 2
_LEAST = 3 * SAMPLE_RATE // 10
_LEAD, _MORE = SAMPLE_RATE // 5, SAMPLE_RATE

_FAINTEST = 2.0**-12
"""Eight steps of 16 bits, 72 dB below full scale."""

_LOGPROB_LIMIT = -1.0
# Measured on 60 utterances and 140 pieces of noise, tones and music: the probability that the text
# ends before its first word is 0.37 at least in all of the noise, and 0.03 at most in the speech
# but for one utterance of two words in a noisy hall (0.35, log-probability -0.6). What a beam finds
# in noise, where a text without tokens cannot win, is "Thank you." or "You": below -1.0 but for
# a second or less of music (-0.5, -0.9).
_NO_SPEECH_LIMIT = 0.2
_SILENCE_LOGPROB = -0.8


@dataclass(frozen=True, slots=True)
class Silence:
    """Samples of zeros before and behind a clip."""

    before: int
    behind: int

    def around(self, length: int) -> int:
        """Return how long a clip of `length` samples is with it."""
        return self.before + length + self.behind


def is_audible(audio: FloatArray) -> bool:
    """Whether `audio`, float32 [n], has any sound: of bare zeros Moonshine may make up a text."""
    return bool(np.abs(audio).max(initial=0.0) >= _FAINTEST)


def attempts(length: int) -> list[Silence]:
    """Return the silences in which to try a clip of `length` samples, until one is plausible."""
    return [
        Silence(0, -(-(length + _LEAST) // _STEP) * _STEP - length),
        Silence(_LEAD, _MORE),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece(Written):
    """One window's result; its alignment needs `encoded` and the silence `before` it (samples)."""

    no_speech: float
    encoded: FloatArray
    before: int

    @property
    def silent(self) -> bool:
        """Whether nothing was said."""
        doubtful = self.wordless or self.logprob < _SILENCE_LOGPROB
        return self.no_speech > _NO_SPEECH_LIMIT and doubtful

    def plausible(self, *, final: bool) -> bool:
        """Whether no other attempt is needed; the next partial corrects a partial anyway.

        A final without a word is tried again: a short utterance may be heard then.
        """
        if not final:
            return self.sound
        likely = self.logprob >= _LOGPROB_LIMIT and not self.silent
        return self.sound and likely and not self.wordless

    @property
    def rank(self) -> tuple[float, ...]:
        """Sort key: the greater of two is better."""
        return (not self.silent, *super(Piece, self).rank)

    def settled(self) -> Self:
        """Return the credible part: nothing where nothing was said, a runaway loop only once."""
        return self.nothing() if self.silent or self.wordless else self.once()


@dataclass(slots=True, kw_only=True)
class Clip(clips.Clip[Piece]):
    """One window of a request, with what the current attempt needs."""

    encoded: FloatArray = field(init=False)
    before: int = 0
