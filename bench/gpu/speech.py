"""Who speaks when, from one seed, and what it sounds like to a model that understands nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from common.audio import SAMPLE_RATE, FloatArray, samples

SHORTEST, LONGEST = 2.0, 15.0
"""Of an utterance, in seconds."""

_BETWEEN = (1.0, 3.0)
"""Seconds from the end of one utterance to the start of the next."""
_FLUENT = (2.0, 6.0)
"""Seconds of speech between two hesitations, which are no ends."""
_HESITATION = (0.25, 0.7)
# What the endpointer of the VAD worker waits for by default, before it says paused and ended.
_PAUSE, _SILENCE = 0.2, 0.8
_TRAIL = 2.0
"""Seconds of audio after the end: partials may reach beyond it."""

_SYLLABLES_PER_SECOND = 4.0
_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Event:
    """What the VAD says when the line is at position `at`; `end` is where speech (seems to) end."""

    at: int
    kind: Literal["paused", "resumed", "ended"]
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """One utterance on a line: positions since the run began, audio from `start` on."""

    start: int
    end: int
    events: tuple[Event, ...]
    audio: FloatArray


def noise(seconds: float, rng: np.random.Generator) -> FloatArray:
    """Return noise with the spectrum and the syllables of speech, float32 at 16 kHz."""
    count = samples(seconds)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    sound = np.fft.irfft(spectrum / (1 + hertz / 500), count)
    syllables = rng.uniform(0.05, 1.0, round(seconds * _SYLLABLES_PER_SECOND) + 2)
    at = np.arange(count) * _SYLLABLES_PER_SECOND / SAMPLE_RATE
    sound *= np.interp(at, np.arange(len(syllables)), syllables)
    loud: FloatArray = (sound * (_LEVEL / sound.std())).astype(np.float32)
    return loud


def line(sound: FloatArray, rng: np.random.Generator) -> Iterator[Spoken]:
    """Yield the utterances of one line, without end; lines are out of step with each other.

    `sound` is what all of them are cut from: at least `LONGEST` seconds and some.
    """
    start = samples(rng.uniform(0, _BETWEEN[1]))
    while True:
        # Short ones are common: a third of the range holds half of them.
        seconds = SHORTEST + (LONGEST - SHORTEST) * rng.beta(1.0, 1.7)
        utterance = spoken(start, seconds, sound, rng)
        yield utterance
        start = utterance.end + samples(rng.uniform(*_BETWEEN))


def spoken(start: int, seconds: float, sound: FloatArray, rng: np.random.Generator) -> Spoken:
    """Return an utterance of this length with its hesitations."""
    end = start + samples(seconds)
    events: list[Event] = []
    at = start + samples(rng.uniform(*_FLUENT))
    while (speech := at + samples(rng.uniform(*_HESITATION))) < end:
        events.append(Event(at + samples(_PAUSE), "paused", at))
        events.append(Event(speech, "resumed", at))
        at = speech + samples(rng.uniform(*_FLUENT))
    events.append(Event(end + samples(_PAUSE), "paused", end))
    events.append(Event(end + samples(_SILENCE), "ended", end))
    assert all(one.at < next_.at for one, next_ in pairwise(events))
    length = end - start + samples(_TRAIL)
    offset = int(rng.integers(len(sound) - length + 1))
    return Spoken(start, end, tuple(events), sound[offset : offset + length])
