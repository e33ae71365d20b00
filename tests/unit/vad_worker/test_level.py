"""The gain of quiet lines: what it follows, what it leaves alone, and that cuts do not matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_worker.framing import FRAME
from vad_worker.level import MOST, TARGET, Level, amplify


def energy(decibels: float) -> float:
    return float(10.0 ** (decibels / 10))


def speech(level: float, floor: float, frames: int = 100) -> list[float]:
    """Return syllables of five frames with pauses of five."""
    return [energy(level if frame // 5 % 2 else floor) for frame in range(frames)]


def last_gain(level: Level, energies: list[float]) -> float:
    factors = level.gains(energies)
    return 0.0 if factors is None else 20 * np.log10(max(factors[-5:]))


@pytest.mark.parametrize("loud", [-6.0, -20.0, TARGET])
def test_speech_that_is_loud_enough_stays_as_it_is(loud):
    assert Level().gains(speech(loud, -80)) is None


@pytest.mark.parametrize(("quiet", "gain"), [(-44.0, 10.0), (-60.0, 26.0), (-71.0, MOST)])
def test_quiet_speech_reaches_the_target_as_far_as_the_gain_goes(quiet, gain):
    assert last_gain(Level(), speech(quiet, -84)) == pytest.approx(gain, abs=1.1)


def test_the_first_syllable_of_a_call_is_amplified():
    factors = Level().gains([energy(-80)] * 5 + [energy(-60)] * 5)
    assert factors is not None
    assert factors[:7] == [1.0] * 7
    assert factors[7] > 10


@pytest.mark.parametrize("noise", [-40.0, -60.0, -75.0, -120.0])
def test_steady_noise_is_never_amplified(noise):
    dice = np.random.default_rng(1)
    assert Level().gains([energy(noise + 2 * dice.standard_normal()) for _ in range(900)]) is None


def test_silence_and_clicks_are_no_speech():
    assert Level().gains([0.0] * 100) is None
    assert Level().gains([energy(-50 if frame % 20 < 2 else -80) for frame in range(400)]) is None


def test_a_quiet_voice_behind_a_loud_one_stays_quiet():
    level = Level()
    level.gains(speech(-20, -80))
    assert level.gains(speech(-60, -80, frames=600)) is None


def test_what_becomes_loud_is_not_clipped():
    level = Level()
    level.gains(speech(-65, -84))
    factors = level.gains([energy(-3)] * 4)
    assert factors is None or factors == [1.0] * 4


@given(st.lists(st.integers(0, 40), max_size=6), st.randoms(use_true_random=False))
def test_neither_cuts_nor_owners_matter(cuts, dice):
    energies = [energy(dice.choice([-20.0, -45.0, -60.0, -70.0, -84.0])) for _ in range(120)]
    whole = Level().gains(energies) or [1.0] * len(energies)
    parts: list[float] = []
    level = Level()
    for cut in [*cuts, len(energies)]:
        part = energies[len(parts) : len(parts) + cut]
        parts += level.gains(part) or [1.0] * len(part)
        level = Level(level.snapshot())
    assert parts == whole


def test_each_leg_has_its_own_gain():
    quiet, loud = (np.array(speech(each, -84, 20), np.float32) for each in (-60.0, -20.0))
    energies = np.concatenate([quiet, loud])
    samples = np.repeat(np.sqrt(energies), FRAME).astype(np.float32)
    before = samples.copy()
    amplify(samples, energies, [Level(), Level()], [20, 20])
    frames, then = samples.reshape(-1, FRAME), before.reshape(-1, FRAME)
    assert (frames[20:] == then[20:]).all()
    assert (frames[19] > 10 * then[19]).all()
