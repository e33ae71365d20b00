"""Voices of people who sound nothing like each other."""

from functools import cache
from typing import Any

import numpy as np

from common.audio import samples
from common.pipeline.text import VOICE_LENGTH, Voice

SECOND = samples(1.0)


def people(count: int, seed: int = 1) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return vectors of people who sound nothing like each other."""
    random = np.random.default_rng(seed)
    return np.linalg.qr(random.standard_normal((256, count)))[0].T


@cache
def four() -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return those of whom the tests tell."""
    return people(4)


def voice(who: int, start: float, seconds: float, *, noise: float = 0.8, seed: int = 0) -> Voice:
    """Return a voice of one of them; two of one have a cosine of about 1 / (1 + noise ** 2)."""
    random = np.random.default_rng((who, seed, round(start * 100)))
    vector = four()[who] + noise * random.standard_normal(256) / 16
    scaled = np.rint(vector / np.linalg.norm(vector) * VOICE_LENGTH)
    packed = np.clip(scaled, -127, 127).astype(np.int8).tobytes()
    return Voice.of(samples(start), samples(start + seconds), packed)


def mixed(who: int, other: int, share: float, start: float, seconds: float) -> Voice:
    """Return a voice between two people."""
    vector = share * four()[other] + (1 - share) * four()[who]
    scaled = np.rint(vector / np.linalg.norm(vector) * VOICE_LENGTH)
    packed = np.clip(scaled, -127, 127).astype(np.int8).tobytes()
    return Voice.of(samples(start), samples(start + seconds), packed)
