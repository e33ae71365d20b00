"""How much of the noisy signal stays in what is heard: all of it where the line is clean. Pure.

Taking noise away costs the voice a little, too. Recognisers gain by it where speech is about 10 dB
above the noise or less, and lose where it is clearer (`python -m bench noise`). So the loudness of
speech and of noise is followed, hop by hop, and the denoised signal is mixed in by their distance.

Speech is what the denoiser lets through within 10 dB of the usual loudness of speech. Noise is what
came in where it lets through 20 dB less than that. Both are means that forget within seconds, and
as exact from the first hop on. Where nobody speaks, speech is slowly taken to be quieter, so that a
quiet voice is found behind a loud one. Until both were heard for a while, nothing is mixed in.
"""

import struct
from math import exp, inf, log10

import numpy as np

from common.audio import FloatArray
from common.errors import Misuse
from denoise_worker.alignment import HOP

NO_LIMIT = 100.0
"""The attenuation limit in dB that means no limit."""
CLEAN_DB, NOISY_DB = 13.0, 10.0
"""Speech above noise from which nothing is taken away, and up to which all that may be."""
_FORGETS = exp(-0.01 / 2)
"""What a mean over 2 s keeps from hop to hop."""
_FALLS = 10 ** (-0.05 / 100)
"""Half a dB per second, from hop to hop."""
_SPEECH, _NOISE = 0.1, 0.01
"""Power, as a share of that of speech, from which a hop is speech, and below which it is noise."""
_FIRST = 10**-3.5
"""The power of speech that is assumed first: -35 dBFS."""
_BELIEVED = 20
"""Hops that this assumption counts for."""
_ENOUGH = 30
"""Hops of speech and of noise that must have been heard."""
_STORED = struct.Struct("<5d")


class Mixer:
    """Mixes the noisy and the denoised signal of one stretch of a leg.

    Args:
        attenuation_limit: most noise reduction in dB, 0 to 100; None or 100 for no limit.
        memory: what `dump` of another mixer returned.

    Raises Misuse for a limit outside that range.
    """

    def __init__(self, attenuation_limit: float | None, memory: bytes | None = None) -> None:
        self._least = share_kept(attenuation_limit)
        self._speech, self._spoken = _FIRST * _BELIEVED, float(_BELIEVED)
        self._noise = self._silent = 0.0
        self._kept = 1.0
        if memory is not None:
            self._speech, self._spoken, self._noise, self._silent, self._kept = _STORED.unpack(
                memory
            )

    def dump(self) -> bytes:
        """Return what another mixer needs to go on in the same way."""
        return _STORED.pack(self._speech, self._spoken, self._noise, self._silent, self._kept)

    def mix(self, noisy: FloatArray, denoised: FloatArray) -> FloatArray:
        """Return the next samples, float32 [n] like both signals.

        n is a multiple of `HOP`, but for the end of a stretch.
        """
        mixed = denoised.copy()
        for at in range(0, len(noisy), HOP):
            came, passed = noisy[at : at + HOP], denoised[at : at + HOP]
            before = self._kept
            self._follow(_power(came), _power(passed))
            kept = np.linspace(before, self._kept, len(came) + 1, dtype=np.float32)[1:]
            mixed[at : at + HOP] += kept * (came - passed)
        return mixed

    def _follow(self, came: float, passed: float) -> None:
        usual = self._speech / self._spoken
        if passed > _SPEECH * usual:
            self._speech = _FORGETS * self._speech + passed
            self._spoken = _FORGETS * self._spoken + 1
        else:
            self._speech *= _FALLS
            if passed < _NOISE * usual:
                self._noise = _FORGETS * self._noise + came
                self._silent = _FORGETS * self._silent + 1
        enough = self._spoken >= _BELIEVED + _ENOUGH and self._silent >= _ENOUGH
        share = (CLEAN_DB - self._above) / (CLEAN_DB - NOISY_DB) if enough else 0.0
        self._kept = 1 - min(1.0, max(0.0, share)) * (1 - self._least)

    @property
    def _above(self) -> float:
        """How far speech is above the noise, in dB."""
        noise = self._noise / self._silent
        return 10 * log10(self._speech / self._spoken / noise) if noise else inf


def share_kept(attenuation_limit: float | None) -> float:
    """Return the least share of the noisy signal that stays, 0 to 1; Misuse as `Mixer`."""
    limit = NO_LIMIT if attenuation_limit is None else attenuation_limit
    if not 0 <= limit <= NO_LIMIT:
        raise Misuse(f"attenuation limit {limit} dB is outside 0..{NO_LIMIT:g}")
    return 0.0 if limit == NO_LIMIT else 10 ** (-limit / 20)


def _power(samples: FloatArray) -> float:
    return float(samples @ samples) / max(1, len(samples))
