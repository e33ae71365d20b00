"""The signal processing around DeepFilterNet3's network, at 16 kHz, for one hop of many legs.

The model's own rate is 48 kHz. Audio from 16 kHz has nothing above 8 kHz, so a transform of 320
samples with every third point of the window gives the same lowest 161 bins as the official
960-point one on resampled audio. So no resampler is needed before or after. `FADE` attenuates the
bins from 7 kHz on as libsamplerate's "sinc_medium" does. Without it the model would get, and pass,
what it does not get between resamplers: clean wideband speech would differ by -25 dB.

Bands, normalisation and post filter follow the official runtime (libDF, `lib.rs` and `tract.rs` of
https://github.com/Rikorose/DeepFilterNet).
"""

from math import erfc, exp, log, pi
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from common.audio import FloatArray
from denoise_worker.alignment import HOP
from denoise_worker.weights import BANDS, BINS, GAINS

ComplexArray: TypeAlias = npt.NDArray[np.complex64]

SPECTRUM = HOP + 1
"""Bins of 50 Hz up to 8 kHz."""
KEPT = np.float32(0.99)
"""Share of a running mean that stays, per hop: exp(-10 ms / 1 s), rounded as the runtime does."""
FIRST_LEVELS = np.linspace(-60, -90, BANDS, dtype=np.float32)
"""Initial running mean of the bands' levels, in dB."""
FIRST_MAGNITUDES = np.linspace(0.001, 0.0001, BINS, dtype=np.float32)
"""Initial running mean of the bins' magnitudes."""

_MODEL_RATE = 48_000
_MODEL_FRAME = 960
_RATIO = _MODEL_FRAME // (2 * HOP)
_FEWEST_BINS = 2
SILENCE = np.float32(1e-10)
"""Mean power that is added to that of each band."""
BETA = np.float32(0.02)
"""Strength of the post filter: upstream's own default."""


def _window() -> FloatArray:
    """Return the Vorbis window at every third point of the model's rate."""
    at = (np.arange(0, _MODEL_FRAME, _RATIO) + 0.5) / _MODEL_FRAME
    window: FloatArray = np.sin(pi / 2 * np.sin(pi * at) ** 2).astype(np.float32)
    return window


def band_widths() -> list[int]:
    """Return how many bins each of 32 bands has at 48 kHz: equal steps in ERB, two bins at least.

    ERB: Glasberg and Moore (1990), 9.265 ln(1 + f / (24.7 * 9.265)).
    """
    step = log(1 + _MODEL_RATE / 2 / (24.7 * 9.265)) / BANDS
    widths: list[int] = []
    last = borrowed = 0
    for band in range(1, BANDS + 1):
        edge = 24.7 * 9.265 * (exp(step * band) - 1)
        bins = round(edge / (_MODEL_RATE / _MODEL_FRAME))
        width = bins - last - borrowed
        borrowed = max(0, _FEWEST_BINS - width)
        widths.append(max(width, _FEWEST_BINS))
        last = bins
    widths[-1] += _MODEL_FRAME // 2 + 1 - sum(widths)
    return widths


_BAND_OF_BIN = np.repeat(np.arange(BANDS), band_widths())[:SPECTRUM]
SHARES = np.zeros((SPECTRUM, BANDS), np.float32)
"""Of each bin in the mean power of each band."""
SHARES[np.arange(SPECTRUM), _BAND_OF_BIN] = 1 / np.array(band_widths())[_BAND_OF_BIN]
UPPER_BANDS = _BAND_OF_BIN[BINS:] - GAINS.start
"""Band of each bin from 96 on, counted from the first of `GAINS`."""

_ANALYSIS = _window() / np.float32(2 * HOP)
_SYNTHESIS = _window() * np.float32(2 * HOP)
# The error function of the filter's Kaiser window, fitted to within 0.004.
FADE = np.array([erfc((50 * k - 7352) / 274) / 2 for k in range(SPECTRUM)], np.float32)


def analysis(frames: FloatArray) -> ComplexArray:
    """Return the spectra [n, 161] of windows [n, 320], faded from 7 kHz on."""
    spectra: ComplexArray = np.fft.rfft(frames * _ANALYSIS).astype(np.complex64, copy=False)
    spectra *= FADE
    return spectra


def synthesis(spectra: ComplexArray) -> FloatArray:
    """Return the windowed samples [n, 320] of spectra [n, 161], to overlap and add by halves."""
    frames: FloatArray = np.fft.irfft(spectra * FADE, 2 * HOP).astype(np.float32, copy=False)
    frames *= _SYNTHESIS
    return frames


def levels(power: FloatArray) -> FloatArray:
    """Return the mean power [n, 32] per band, in dB, of bins [n, 161]."""
    means = power @ SHARES
    means += SILENCE
    np.log10(means, out=means)
    means *= np.float32(10)
    return means


def follow(means: FloatArray, values: FloatArray) -> FloatArray:
    """Move running means towards the values, in place; return them."""
    means *= KEPT
    means += values * (1 - KEPT)
    return means


def upper_gains(gains: FloatArray) -> FloatArray:
    """Spread the gains [n, 4] of the bands `GAINS` over the bins from 96 to 160."""
    spread: FloatArray = gains[:, UPPER_BANDS]
    return spread


def post_filter(enhanced: ComplexArray, noisy: ComplexArray) -> None:
    """Attenuate strongly attenuated bins further, in place (Valin, 2020)."""
    gains = np.abs(enhanced)
    gains /= np.abs(noisy) + np.float32(1e-12)
    np.clip(gains, 1e-12, 1, out=gains)
    sines = np.sin(gains * np.float32(pi / 2))
    enhanced *= (1 + BETA) / (1 + BETA / (sines * sines))
