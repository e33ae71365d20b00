"""The first layers, against their definition written with loops."""

import numpy as np
import pytest

from asr_worker.moonshine.sound import POSITION, SHORTEST, Sound
from asr_worker.moonshine.weights import WIDTH
from common.audio import FloatArray


def values(*shape: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(0, 0.1, shape).astype(np.float32)


KERNEL, GAIN, OFFSET = values(WIDTH, 127), values(WIDTH, seed=1), values(WIDTH, seed=2)
SOUND = Sound(KERNEL, GAIN, OFFSET)


def defined(audio: FloatArray) -> FloatArray:
    """One row of 7 x 416 for each window of the second convolution."""
    starts = range(0, len(audio) - 126, 64)
    read = np.tanh([KERNEL @ audio[start : start + 127] for start in starts])
    heard = (read - read.mean()) / np.sqrt(read.var() + 1e-5) * GAIN + OFFSET
    return np.array([heard[at : at + 7].ravel() for at in range(0, len(heard) - 6, 3)])


def test_the_network_gets_the_windows_of_its_second_convolution():
    audio = values(5_000)
    windows = SOUND.windows(audio)
    expected = defined(audio)[: windows.shape[2]]
    assert np.allclose(windows[0].T, expected, atol=1e-4)


@pytest.mark.parametrize("length", [SHORTEST, 16_000, 16_001, 16_192, 100_003])
def test_windows_are_odd_in_number_and_only_one_too_many_is_left_out(length):
    count = SOUND.windows(values(length)).shape[2]
    assert count % 2 == 1
    assert len(defined(values(length))) - count in (0, 1)
    # One position of the encoder for every two.
    assert abs((count - 1) // 2 - length / POSITION) < 3


def test_the_shortest_audio_makes_one_position():
    assert SOUND.windows(values(SHORTEST)).shape == (1, 7 * WIDTH, 3)


def test_the_weights_are_those_of_the_operations_named_so():
    named = {
        "/conv1/Conv": [KERNEL[:, np.newaxis]],
        "/groupnorm/Mul": [GAIN[:, np.newaxis]],
        "/groupnorm/Add": [OFFSET[:, np.newaxis]],
    }
    audio = values(2_000)
    assert np.array_equal(Sound.of(named).windows(audio), SOUND.windows(audio))


@pytest.mark.parametrize("named", [{}, {"/conv1/Conv": [KERNEL[:3]]}])
def test_another_model_is_refused(named):
    with pytest.raises(ValueError, match="not Moonshine base"):
        Sound.of(named)
