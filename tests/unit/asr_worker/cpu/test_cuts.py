"""Cutting long utterances: quiet places, full cover, cuts that do not move."""

from itertools import pairwise

import numpy as np
import pytest

from asr_worker.cpu.cuts import SHORTEST, WINDOW, cuts
from common.audio import SAMPLE_RATE, FloatArray


def babble(seconds: float) -> FloatArray:
    generator = np.random.default_rng(5)
    return generator.uniform(-0.5, 0.5, int(seconds * SAMPLE_RATE)).astype(np.float32)


def test_up_to_thirty_seconds_is_one_window():
    assert cuts(babble(30)) == [(0, WINDOW)]


@pytest.mark.parametrize("length", [0, SHORTEST - 1])
def test_what_cannot_hold_a_word_has_no_window(length):
    assert cuts(np.zeros(length, np.float32)) == []


def test_a_cut_falls_into_the_pause():
    audio = babble(40)
    audio[int(24.0 * SAMPLE_RATE) : int(24.5 * SAMPLE_RATE)] = 0.0
    (_, cut), (start, end) = cuts(audio)
    assert 24.0 < cut / SAMPLE_RATE < 24.5
    assert (start, end) == (cut, len(audio))


def test_windows_cover_everything_and_stay_while_the_utterance_grows():
    audio = babble(100)
    windows = cuts(audio)
    assert windows[0][0] == 0
    assert windows[-1][1] == len(audio)
    assert all(end == start for (_, end), (start, _) in pairwise(windows))
    assert all(end - start <= WINDOW for start, end in windows)
    assert cuts(audio[: 70 * SAMPLE_RATE])[:-1] == windows[:2]
