"""How much of a noisy signal stays, by how far speech is above the noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.audio import FloatArray
from common.errors import Misuse
from denoise_worker.alignment import HOP
from denoise_worker.mixing import Mixer

RATE = 16_000
SECONDS = 12
SETTLED = slice(6 * RATE, None)
_PASSES = 0.01
"""The share of noise that a good denoiser lets through."""


def signals(snr: float, *, level: float = 0.1) -> tuple[FloatArray, FloatArray]:
    """Bursts of half a second in noise `snr` dB below them, and the same denoised."""
    rng = np.random.default_rng(5)
    spoken = np.arange(SECONDS * RATE) // (RATE // 2) % 2
    speech = level * rng.normal(0, 1, SECONDS * RATE) * spoken
    noise = level * 10 ** (-snr / 20) * rng.normal(0, 1, SECONDS * RATE)
    denoised = speech + _PASSES * noise
    return (speech + noise).astype(np.float32), denoised.astype(np.float32)


def share(noisy: FloatArray, denoised: FloatArray, mixed: FloatArray) -> float:
    """The share of what the denoiser took that is there after all, once all is settled."""
    taken = (noisy - denoised)[SETTLED]
    return float((mixed - denoised)[SETTLED] @ taken / (taken @ taken))


@pytest.mark.parametrize("snr", [40, 20, 15])
def test_where_speech_is_clear_nothing_is_changed(snr):
    noisy, denoised = signals(snr)
    np.testing.assert_allclose(Mixer(6.0).mix(noisy, denoised), noisy, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("limit", "kept"), [(0.0, 1.0), (6.0, 0.501), (12.0, 0.251), (100.0, 0.0), (None, 0.0)]
)
def test_in_noise_as_much_is_taken_as_the_limit_allows(limit, kept):
    noisy, denoised = signals(5)
    mixed = Mixer(limit).mix(noisy, denoised)
    assert share(noisy, denoised, mixed) == pytest.approx(kept, abs=0.01)


def test_between_both_a_part_is_taken():
    noisy, denoised = signals(11.5)
    assert 0.55 < share(noisy, denoised, Mixer(6.0).mix(noisy, denoised)) < 0.95


def test_a_quiet_voice_in_noise_is_found():
    noisy, denoised = signals(5, level=0.003)
    mixer = Mixer(6.0)
    for _ in range(3):
        mixed = mixer.mix(noisy, denoised)
    assert share(noisy, denoised, mixed) == pytest.approx(0.501, abs=0.05)


def test_before_anybody_has_spoken_nothing_is_changed():
    noise = np.random.default_rng(1).normal(0, 0.1, 4 * RATE).astype(np.float32)
    silent = np.float32(_PASSES) * noise
    np.testing.assert_allclose(Mixer(6.0).mix(noise, silent), noise, rtol=0, atol=1e-7)


def test_digital_silence_between_words_is_no_noise():
    noisy, _ = signals(200)
    np.testing.assert_array_equal(Mixer(6.0).mix(noisy, noisy), noisy)


@given(st.lists(st.integers(0, 300), max_size=8), st.booleans())
def test_any_cut_between_hops_and_any_take_over_gives_the_same_bits(hops, taken_over):
    noisy, denoised = signals(8)
    whole = Mixer(6.0).mix(noisy, denoised)
    mixer, at, parts = Mixer(6.0), 0, []
    for end in (*(HOP * each for each in np.cumsum(hops)), len(noisy)):
        parts.append(mixer.mix(noisy[at:end], denoised[at:end]))
        at = end
        if taken_over:
            mixer = Mixer(6.0, mixer.dump())
    np.testing.assert_array_equal(np.concatenate(parts)[: len(whole)], whole)


def test_a_stretch_may_end_within_a_hop():
    noisy, denoised = signals(5)
    mixed = Mixer(6.0).mix(noisy[:-7], denoised[:-7])
    assert len(mixed) == len(noisy) - 7


@pytest.mark.parametrize("limit", [-0.1, -6.0, 100.1, float("nan")])
def test_a_limit_outside_its_range_is_refused(limit):
    with pytest.raises(Misuse, match="attenuation limit"):
        Mixer(limit)
