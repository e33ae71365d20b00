"""Words from an alignment: its parts joined to words, and pauses removed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from asr_worker.api import Word
from common.audio import SAMPLE_RATE, FloatArray

_HOP = SAMPLE_RATE // 100
_QUIET = 1e-3
"""Power of what counts as quiet, as a share of the loudest."""


class Aligned(NamedTuple):
    """A window's words, and the probability of the sentence mark behind them; None without one."""

    words: Iterable[Word]
    mark: float | None


def joined(aligned: Sequence[Mapping[str, Any]], spaced: bool) -> list[Word]:
    """Make words of aligned tokens: a token without a space before it continues a word.

    In languages without spaces only punctuation does. The words, joined by spaces (there by
    nothing), are the text again.
    """
    words: list[Word] = []
    for entry in aligned:
        text = entry["word"].strip()
        word = Word(text, float(entry["start"]), float(entry["end"]), float(entry["probability"]))
        spoken = any(character.isalnum() for character in text)
        if words and not entry["word"].startswith(" ") and (spaced or not spoken):
            end, probability = words[-1].end, words[-1].probability
            if spoken:
                end, probability = word.end, min(probability, word.probability)
            words[-1] = replace(
                words[-1], text=words[-1].text + text, end=end, probability=probability
            )
        elif text:
            words.append(word)
    return words


def without_pauses(words: Sequence[Word]) -> list[Word]:
    """Shorten words that swallowed a pause to twice the median word.

    The alignment leaves no gaps: a pause goes to the word after it, except behind punctuation,
    where it goes to the word before (compare OpenAI whisper/timing.py, add_word_timestamps).
    """
    if not words:
        return []
    longest = 2 * min(0.7, median(word.end - word.start for word in words))
    shortened = []
    for word in words:
        if word.end - word.start <= longest:
            shortened.append(word)
        elif word.text[-1].isalnum():
            shortened.append(replace(word, start=word.end - longest))
        else:
            shortened.append(replace(word, end=word.start + longest))
    return shortened


def within(words: Iterable[Word], offset: float, duration: float) -> Iterator[Word]:
    """Yield a window's words at their times in the audio: in order, and none outside the window."""
    latest = 0.0
    for word in words:
        start = min(max(word.start, latest), duration)
        end = min(max(word.end, start), duration)
        latest = start
        yield Word(word.text, offset + start, offset + end, word.probability)


def voiced(words: Iterable[Word], audio: FloatArray) -> Iterator[Word]:
    """Yield words without the quiet around them: an alignment leaves no gaps between words.

    `audio`: float32 [n] at 16 kHz, in which the words lie. Quiet is what is 30 dB below the word's
    loudest 10 ms. Noise that is louder than that stays in the word.
    """
    for word in words:
        first, last = round(word.start * SAMPLE_RATE), round(word.end * SAMPLE_RATE)
        sound = audio[first:last]
        hops = sound[: len(sound) // _HOP * _HOP].reshape(-1, _HOP)
        power = np.einsum("ij,ij->i", hops, hops)
        (loud,) = (power > _QUIET * power.max(initial=0.0)).nonzero()
        if not len(loud):
            yield word
            continue
        start = (first + int(loud[0]) * _HOP) / SAMPLE_RATE
        end = (first + (int(loud[-1]) + 1) * _HOP) / SAMPLE_RATE
        yield replace(word, start=start, end=end if loud[-1] + 1 < len(hops) else word.end)
