"""The tones of DTMF digits."""

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from callscribe import sample
from common.audio import SAMPLE_RATE, FloatArray
from vad_worker.framing import FRAME, energies
from vad_worker.tones import digits

LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)


def sine(hertz: float, level: float = 0.1, phase: float = 0.0) -> FloatArray:
    """Return a frame of a tone, its peak at `level`."""
    angles = 2 * np.pi * hertz * np.arange(FRAME) / SAMPLE_RATE + phase
    wave: FloatArray = (level * np.sin(angles)).astype(np.float32)
    return wave


def found(samples: FloatArray) -> list[bool]:
    told: list[bool] = digits(samples, energies(samples)).tolist()
    return told


@pytest.mark.parametrize("low", LOW)
@pytest.mark.parametrize("high", HIGH)
def test_each_digit_is_found(low, high):
    assert found(sine(low) + sine(high)) == [True]


@given(
    st.sampled_from(LOW),
    st.sampled_from(HIGH),
    st.floats(0.005, 0.45),
    st.floats(0.4, 2.5),
    st.floats(0, 6.3),
    st.floats(-0.005, 0.005),
)
def test_at_any_level_and_phase_and_half_a_percent_off(low, high, level, twist, phase, off):
    tones = sine(low * (1 + off), level) + sine(high * (1 + off), level * twist, phase)
    assert found(np.clip(tones, -1, 1)) == [True]


def test_in_hiss_too():
    hiss = np.random.default_rng(0).normal(0, 0.01, FRAME).astype(np.float32)
    assert found(sine(697, 0.05) + sine(1209, 0.025) + hiss) == [True]


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(FRAME, np.float32),
        sine(697),
        sine(1209),
        sine(697) + sine(770),
        sine(697) + sine(1209, 0.02),
        sine(350) + sine(440),
        sine(697, 0.0005) + sine(1209, 0.0005),
        np.random.default_rng(0).normal(0, 0.1, FRAME).astype(np.float32),
    ],
    ids=["silence", "low", "high", "one group", "twist", "dial tone", "very quiet", "noise"],
)
def test_other_sounds_are_no_digit(samples):
    assert found(samples) == [False]


def test_each_frame_is_judged_alone():
    digit, silence = sine(941) + sine(1336), np.zeros(FRAME, np.float32)
    assert found(np.concatenate([silence, digit, silence])) == [False, True, False]
    assert found(np.zeros(0, np.float32)) == []


def test_speech_is_no_digit():
    audio, rate = soundfile.read(sample.AUDIO, dtype="float32")
    for leg in audio.T:
        speech = soxr.resample(leg, rate, SAMPLE_RATE)
        assert not any(found(speech[: len(speech) // FRAME * FRAME]))
