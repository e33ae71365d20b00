"""Noise is the same in every run, and never louder than full scale."""

import numpy as np

from bench.noises import LENGTHS, noises
from common.audio import SAMPLE_RATE


def test_noises_are_reproducible_and_long_enough():
    first, second = noises(), noises()
    assert first.keys() == second.keys()
    for name, noise in first.items():
        assert np.array_equal(noise, second[name])
        assert noise.dtype == np.float32
        assert len(noise) == max(LENGTHS) * SAMPLE_RATE


def test_only_silence_is_silent_and_nothing_is_clipped():
    silent = [name for name, noise in noises().items() if not noise.any()]
    assert silent == ["silence"]
    assert all(np.abs(noise).max() < 1 for noise in noises().values())
