"""Quiet utterances, amplified for the recogniser.

Features of speech are relative to its loudest part, down to a bound that is absolute: of quiet
speech less is left. Measured with tiny.en on 470 words whose loudest sample is at -50 dBFS: 4.7 %
wrong, and 2.3 % amplified.
"""

import numpy as np

from common.audio import FloatArray

_QUIET = 0.05
"""The loudest sample of an utterance that stays as it is: -26 dBFS."""
_AIM = 0.25
_MOST = 250.0
"""The largest factor: 48 dB."""


def amplified(audio: FloatArray) -> FloatArray:
    """Return float32 [n] louder if it is quiet as a whole, else the same array."""
    peak = float(np.abs(audio).max(initial=0.0))
    if peak >= _QUIET or peak == 0.0:
        return audio
    louder: FloatArray = audio * np.float32(min(_MOST, _AIM / peak))
    return louder
