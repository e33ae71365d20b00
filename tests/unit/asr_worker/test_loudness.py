"""What is amplified for the recogniser, and what is not."""

import numpy as np
import pytest

from asr_worker.loudness import amplified


@pytest.mark.parametrize("peak", [0.05, 0.9])
def test_what_is_loud_enough_stays_as_it_is(peak):
    audio = np.array([0.0, peak, -peak], np.float32)
    assert amplified(audio) is audio


def test_nothing_stays_nothing():
    for audio in (np.zeros(3, np.float32), np.zeros(0, np.float32)):
        assert amplified(audio) is audio


@pytest.mark.parametrize(("peak", "louder"), [(0.04, 0.25), (0.002, 0.25), (1e-4, 0.025)])
def test_what_is_quiet_becomes_loud_within_a_bound(peak, louder):
    audio = amplified(np.array([peak / 2, -peak], np.float32))
    assert audio.dtype == np.float32
    assert audio == pytest.approx([louder / 2, -louder], rel=1e-4)
