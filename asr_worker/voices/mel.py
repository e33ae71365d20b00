"""Mel spectra as the voice encoder was trained with: librosa's, computed by numpy.

They are those of `librosa.feature.melspectrogram(sr=16000, n_fft=400, hop_length=160, n_mels=40)`:
the power in frames of 25 ms under a periodic Hann window, centred, with zeros beyond the ends;
bands of Slaney's Auditory Toolbox (linear to 1 kHz, logarithmic above), triangles of equal area.
It is not the logarithm.
"""

import numpy as np
import numpy.typing as npt

from asr_worker.voices.weights import MELS
from common.audio import SAMPLE_RATE, FloatArray

HOP = 160
_SIZE = 400
_LINEAR_HZ = 200 / 3
"""Hertz of a mel up to `_CORNER`."""
_CORNER = 1000.0
_STEP = np.log(6.4) / 27
"""Natural logarithm of the ratio of a mel above."""


def mel_spectra(audio: FloatArray) -> FloatArray:
    """Return the spectra [n // 160 + 1, 40] of audio [n] at 16 kHz."""
    padded = np.pad(audio, _SIZE // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[::HOP]
    power = np.abs(np.fft.rfft(frames * _WINDOW)) ** 2
    return (power @ _BANDS).astype(np.float32)


def _hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    corner = _CORNER / _LINEAR_HZ
    return np.where(mels < corner, mels * _LINEAR_HZ, _CORNER * np.exp(_STEP * (mels - corner)))


def _bands() -> npt.NDArray[np.float64]:
    """Return the triangles, [201, 40]."""
    nyquist = SAMPLE_RATE / 2
    top = _CORNER / _LINEAR_HZ + np.log(nyquist / _CORNER) / _STEP
    edges = _hertz(np.linspace(0, top, MELS + 2))
    bins = np.linspace(0, nyquist, _SIZE // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])


_WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_SIZE) / _SIZE)
_BANDS = _bands()
