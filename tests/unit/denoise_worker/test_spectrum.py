"""The signal processing: perfect reconstruction, bands, levels, the post filter's bounds."""

import numpy as np
import pytest

from denoise_worker import spectrum
from denoise_worker.alignment import HOP

RATE = 16_000


def passed(samples):
    """Analysis and synthesis, one hop late; what the fade leaves of it."""
    hops = samples.reshape(-1, HOP)
    frames = np.concatenate((hops[:-1], hops[1:]), axis=1)
    halves = spectrum.synthesis(spectrum.analysis(frames)).reshape(-1, 2, HOP)
    return (halves[1:, 0] + halves[:-1, 1]).reshape(-1)


@pytest.mark.parametrize(("frequency", "gain"), [(0, 1), (440, 1), (5000, 1), (6000, 1)])
def test_what_lies_below_the_fade_comes_back(frequency, gain):
    samples = (0.5 * np.cos(2 * np.pi * frequency / RATE * np.arange(50 * HOP))).astype(np.float32)
    np.testing.assert_allclose(passed(samples), gain * samples[HOP:-HOP], atol=2e-4)


def test_the_fade_begins_at_7_khz_and_ends_below_8_khz():
    bins = dict(enumerate(spectrum.FADE))
    assert bins[0] == bins[120] == 1
    assert bins[140] == pytest.approx(0.968, abs=0.004)
    assert bins[150] == pytest.approx(0.226, abs=0.004)
    assert bins[160] < 0.001
    assert (np.diff(spectrum.FADE) <= 0).all()


def test_spectra_have_the_scale_of_the_model():
    """A cosine of amplitude 1 has half of it in its bin, times the window's mean, 0.602."""
    frame = np.cos(2 * np.pi * 20 / 320 * np.arange(320)).astype(np.float32)
    magnitudes = np.abs(spectrum.analysis(frame[None])[0])
    assert np.argmax(magnitudes) == 20
    assert magnitudes[20] == pytest.approx(0.301, abs=0.001)


def test_bands_cover_the_model_s_spectrum_and_widen():
    widths = spectrum.band_widths()
    assert len(widths) == 32
    assert sum(widths) == 481
    assert widths[:12] == [2] * 12
    assert widths[12:] == sorted(widths[12:])


def test_levels_are_means_over_a_band_s_full_width():
    power = np.ones((1, spectrum.SPECTRUM), np.float32)
    levels = spectrum.levels(power)[0]
    np.testing.assert_allclose(levels[:24], 0, atol=1e-4)
    assert levels[24] == pytest.approx(10 * np.log10(15 / 24), abs=1e-3)  # 8 kHz lies within
    np.testing.assert_allclose(levels[25:], -100, atol=1e-3)


def test_gains_reach_the_bins_of_their_bands():
    gains = spectrum.upper_gains(np.array([[1, 2, 3, 4]], np.float32))[0]
    edges = np.cumsum([0, *spectrum.band_widths()])
    assert len(gains) == spectrum.SPECTRUM - 96
    for value, band in zip((1, 2, 3, 4), range(21, 25), strict=True):
        inside = range(max(96, edges[band]), min(spectrum.SPECTRUM, edges[band + 1]))
        assert {gains[k - 96] for k in inside} == {value}


def test_a_mean_follows_within_a_second():
    mean, value = np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32)
    for _ in range(100):
        spectrum.follow(mean, value)
    assert mean[0, 0] == pytest.approx(1 - np.exp(-1), abs=0.01)


def test_the_post_filter_leaves_speech_and_lowers_what_was_lowered():
    noisy = np.ones((1, 4), np.complex64)
    enhanced = np.array([[1, 0.5, 0.01, 0]], np.complex64)
    before = enhanced.copy()
    spectrum.post_filter(enhanced, noisy)
    change = np.abs(enhanced[0, :3] / before[0, :3])
    assert change[0] == pytest.approx(1)
    assert change[1] == pytest.approx(1, abs=0.03)
    assert change[2] < 0.02
    assert enhanced[0, 3] == 0
