"""The aligner's prompt, and the reading of its answer.

The model reads the audio and then every unit with two marks behind it. At the marks it says in
which bin of 80 ms the unit begins and ends (Qwen3-ASR technical report). The prompt is that of
qwen_asr/inference/qwen3_forced_aligner.py. It has no chat turns: with them times shift.
"""

import math
from collections.abc import Sequence

import numpy as np

from asr_worker.align.repair import repair
from asr_worker.align.units import Unit
from asr_worker.api import Word
from common.audio import SAMPLE_RATE, FloatArray

MARK = "<timestamp>"
BIN = SAMPLE_RATE * 80 // 1000
"""Samples per bin."""
_NEAR = 1
"""Bins around a time that count for its probability. The model is 43 ms off on average, by its
report, and a sound between two bins divides its probability among both."""


def prompt(units: Sequence[Unit]) -> str:
    """Return the prompt for the times of `units` in one audio."""
    asked = "".join(unit.text + 2 * MARK for unit in units)
    return "<|audio_start|><|audio_pad|><|audio_end|>" + asked


def placed(units: Sequence[Unit], scores: FloatArray, length: int) -> tuple[Word, ...]:
    """Read the answer: the words that the units make up, in order, inside the audio.

    `scores` is float32 [2 * units, bins], finite: logits at the marks. `length` is the audio's, in
    samples. A word's probability is how sure the model is that both its ends lie within 80 ms of
    where they were put; that is no statement about the text.
    """
    # Bins behind the end of the audio are left out.
    scores = scores[:, : math.ceil(length / BIN) + 1]
    bins = repair([int(each) for each in scores.argmax(axis=1)])
    sure = _mass_around(bins, scores)
    words: list[Word] = []
    for i, unit in enumerate(units):
        start, end = (min(each * BIN, length) / SAMPLE_RATE for each in bins[2 * i : 2 * i + 2])
        probability = min(sure[2 * i : 2 * i + 2])
        if unit.begins:
            words.append(Word(unit.written, start, end, probability))
        else:
            word = words[-1]
            probability = min(word.probability, probability)
            words[-1] = Word(word.text + unit.written, word.start, end, probability)
    return tuple(words)


def _mass_around(bins: Sequence[int], scores: FloatArray) -> list[float]:
    """Return for each row the softmax probability of its bin and the bins near it, 0..1."""
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    likely /= likely.sum(axis=1, keepdims=True)
    around = np.abs(np.arange(scores.shape[1]) - np.array(bins)[:, None]) <= _NEAR
    return [min(float(each), 1.0) for each in (likely * around).sum(axis=1)]
