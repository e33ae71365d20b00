"""Where a denoised sample belongs: hops in, delay off, as many samples out as came in.

DeepFilterNet3 reads hops of 480 samples at 48 kHz and answers each with a hop that is `MODEL_DELAY`
samples late: 480 for the overlap of its 960-point STFT and 960 for the two hops it looks ahead.
The resamplers around it keep positions by themselves, so taking that delay off the model's output
puts sample n of `clean` under sample n of `audio`. Both counts are exact multiples of the 3:1
ratio of the rates; nothing is measured and nothing is rounded.
"""

import numpy as np

from common.audio import SAMPLE_RATE, FloatArray
from common.errors import Misuse

MODEL_RATE = 48_000
RATIO = MODEL_RATE // SAMPLE_RATE
MODEL_HOP = 480
"""Samples at 48 kHz the model reads and answers at once."""
MODEL_DELAY = 3 * MODEL_HOP
"""Samples at 48 kHz by which the model's answer lags what it was given."""
HOP = MODEL_HOP // RATIO
"""The hop in 16 kHz samples: 10 ms."""
WARM_UP = 2 * SAMPLE_RATE
"""Audio a fresh state replays before the position it takes over at.

The runtime's state cannot be saved, and its memory fades slowly: against a state that never
stopped, 2 s of replay agree to -42 dB (median; -24 dB on speech in 5 dB of noise), 10 s to -44 dB
(-41 dB), and 30 s still not to -60 dB. The difference is no loss: after 2 s the SI-SDR against
the clean speech is within 0.5 dB of the old state's (median), while every further second costs
each leg taken over 90 ms of a core at the moment it is behind.
"""


def replay_start(position: int) -> int:
    """Return where a fresh state must start reading for its output to be good from `position` on.

    Both count 16 kHz samples from where the old state started. A multiple of `HOP`, because a
    state that starts between two hops of the old one cuts its STFT frames elsewhere and never
    agrees with it.
    """
    return max(0, position - WARM_UP) // HOP * HOP


class HopAligner:
    """Cuts one leg's 48 kHz stream into hops and shifts the answers back to their positions.

    `push`, any number of times, then `flush` once; the answer to each goes through `align` in the
    same order. In all, `align` returns exactly as many samples as `push` was given.
    """

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)
        self._pushed = 0
        self._to_drop = MODEL_DELAY
        self._aligned = 0
        self._flushed = False

    def push(self, samples: FloatArray) -> FloatArray:
        """Take float32 [n] at 48 kHz, any n; return the whole hops ready, float32 [k, 480]."""
        if self._flushed:
            raise Misuse(f"{len(samples)} samples pushed after the stream was flushed")
        self._pushed += len(samples)
        joined = np.concatenate((self._rest, samples))
        whole = len(joined) // MODEL_HOP * MODEL_HOP
        self._rest = joined[whole:]
        return joined[:whole].reshape(-1, MODEL_HOP)

    def flush(self) -> FloatArray:
        """End the stream; return the hops, zero-padded, that bring out all that is still inside."""
        rest = self._rest
        padding = MODEL_DELAY + (-len(rest)) % MODEL_HOP
        hops = self.push(np.zeros(padding, np.float32))
        self._pushed -= padding
        self._flushed = True
        return hops

    def align(self, enhanced: FloatArray) -> FloatArray:
        """Take the answers [k, 480]; return float32 [m], which follows on what was returned before.

        m is what the answers hold less the model's delay at the start and the padding at the end.
        """
        samples = enhanced.reshape(-1)
        dropped = min(self._to_drop, len(samples))
        self._to_drop -= dropped
        samples = samples[dropped : dropped + self._pushed - self._aligned]
        self._aligned += len(samples)
        return samples
