"""What is on a line when nobody speaks: silence, noise, tones, music, clicks; reproducible."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from common.audio import SAMPLE_RATE, FloatArray

_Wave: TypeAlias = npt.NDArray[np.float64]
LENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds of each that are decoded."""

_LONGEST = round(max(LENGTHS) * SAMPLE_RATE)
_TIME = np.arange(_LONGEST) / SAMPLE_RATE
_SCALE = (0, 4, 7, 12, 7, 4, 5, 9)
_CHORDS = ((0, 4, 7), (5, 9, 12), (7, 11, 14))


def noises() -> dict[str, FloatArray]:
    """Return each noise by its name, float32 [8 s] at 16 kHz."""
    made = {name: make() for name, make in _NOISES.items()}
    return {name: noise.astype(np.float32) for name, noise in made.items()}


def melody() -> FloatArray:
    """Return 8 s of notes with vibrato, float32 at 16 kHz: what seems most like a voice."""
    beat = SAMPLE_RATE // 2
    steps = np.repeat([_SCALE[n % len(_SCALE)] for n in range(_LONGEST // beat)], beat)
    hertz = 220 * 2 ** ((steps + 0.4 * np.sin(2 * np.pi * 5.5 * _TIME)) / 12)
    turn = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    swell = np.sin(np.pi * (_TIME * SAMPLE_RATE % beat) / beat)
    sung = swell * np.sum([np.sin(k * turn) / k for k in range(1, 6)], axis=0)
    return np.asarray(0.15 * sung, np.float32)


def _white(level: float) -> Callable[[], _Wave]:
    return lambda: level * np.random.default_rng(3).normal(0, 1, _LONGEST)


def _pink() -> _Wave:
    spectrum = np.fft.rfft(np.random.default_rng(4).normal(0, 1, _LONGEST))
    noise = np.fft.irfft(spectrum / np.sqrt(np.arange(len(spectrum)) + 1))
    return np.asarray(0.3 * noise / np.abs(noise).max())


def _tones(*hertz: float) -> _Wave:
    return np.asarray(0.2 * np.sum([np.sin(2 * np.pi * each * _TIME) for each in hertz], axis=0))


def _clicks() -> _Wave:
    clicks = np.zeros(_LONGEST)
    clicks[np.random.default_rng(5).integers(0, _LONGEST, 20)] = 0.8
    return clicks


def _breath() -> _Wave:
    return np.asarray(_white(0.05)() * np.clip(np.sin(np.pi * _TIME), 0, 1))


def _music() -> _Wave:
    """Plucked notes over chords, as while a caller is on hold."""
    played = np.zeros(_LONGEST)
    beat = SAMPLE_RATE // 4
    for number, start in enumerate(range(0, _LONGEST, beat)):
        played[start : start + beat] += _note(2 * 110, _SCALE[number % len(_SCALE)], beat)
    for number, start in enumerate(range(0, _LONGEST, 4 * beat)):
        for step in _CHORDS[number % len(_CHORDS)]:
            played[start : start + 4 * beat] += 0.7 * _note(110, step, 4 * beat)
    return np.asarray(0.4 * played / np.abs(played).max())


def _note(hertz: float, step: int, length: int) -> _Wave:
    time = _TIME[:length]
    waves = [np.sin(2 * np.pi * hertz * 2 ** (step / 12) * k * time) / k for k in (1, 2, 3, 4)]
    return np.asarray(np.sum(waves, axis=0) * np.exp(-3 * time))


_NOISES: Mapping[str, Callable[[], _Wave]] = {
    "silence": _white(0.0),
    "white noise, -60 dB": _white(1e-3),
    "white noise, -40 dB": _white(1e-2),
    "white noise, -20 dB": _white(0.1),
    "pink noise": _pink,
    "hum": lambda: _tones(50, 150),
    "dial tone": lambda: _tones(350, 440),
    "ringing": lambda: _tones(440, 480) * (_TIME % 6 < 2),
    "digits": lambda: _tones(697, 1209) * (_TIME % 0.3 < 0.15),
    "clicks": _clicks,
    "breath": _breath,
    "music": _music,
}
