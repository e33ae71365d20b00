"""The sound with which engines are warmed up and their cost is measured. Pure."""

import numpy as np

from common.audio import FloatArray, samples

_AMPLITUDE = 0.01


def noise(seconds: float) -> FloatArray:
    """Return faint noise, float32 [n] at 16 kHz, always the same.

    Not zeros: an engine may answer those without running its network, as Moonshine does.
    """
    sound = np.random.default_rng(0).uniform(-_AMPLITUDE, _AMPLITUDE, samples(seconds))
    return sound.astype(np.float32)
