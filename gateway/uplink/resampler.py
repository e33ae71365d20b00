"""Streaming sample-rate conversion to 16 kHz, 3 to 6 ms behind its input, for any chunking.

libsamplerate does the arithmetic (band-limited interpolation: J. O. Smith, "Digital Audio
Resampling", CCRMA, 2002). It delays audio by 5.9 ms from 8 kHz, and by 2.9 ms from 16 kHz up.
libsoxr's FFT stages would delay every partial and every endpoint by 12 to 116 ms from 8 kHz (HQ, 64
on average).

Its medium filter is flat to 0.85 of the lower Nyquist frequency. From 8 kHz that is 3.4 kHz, the
end of the telephone band, where the fast filter is at -9 dB. Images and aliases stay below -110 dB.
"""

from math import ceil

import numpy as np
import samplerate

from common.audio import SAMPLE_RATE, FloatArray

REACH = 64
"""Samples at the lower of both rates. The filter reaches 47 ahead and back; these are enough to
fill or to empty it."""


class Resampler:
    """Convert `channels` streams at `rate` Hz (a whole number), kept in step, to 16 kHz.

    Output sample k is the input at time k/16000 s: the filter's delay is taken off. The output
    depends on the input and on where `flush` was called, never on how the input is divided.
    """

    def __init__(self, rate: int, channels: int) -> None:
        self._rate = rate
        self._ratio = SAMPLE_RATE / rate
        self._channels = channels
        self._converter = samplerate.Resampler("sinc_medium", channels)
        self._received = 0
        self._converted = 0
        # Ahead of `_converted` after a flush, until the converter has caught up.
        self._returned = 0

    def push(self, frames: FloatArray) -> FloatArray:
        """Take float32 [n, channels] at `rate`; return float32 [m, channels] at 16 kHz."""
        self._received += len(frames)
        pieces = [frames[:0]]
        while len(frames):
            count = self._readable(len(frames))
            pieces.append(self._converter.process(frames[:count], self._ratio))
            frames = frames[count:]
        converted = np.concatenate(pieces)
        fresh = converted[self._returned - self._converted :]
        self._converted += len(converted)
        self._returned += len(fresh)
        return fresh

    def flush(self) -> FloatArray:
        """Return what is pending, float32 [m, channels], as if silence followed.

        Afterwards every output whose time lies within the input has been returned. Input that
        follows continues the same timeline from the true history: only the outputs given here
        were computed without knowing it.
        """
        due = -(-self._received * SAMPLE_RATE // self._rate)
        silence = np.zeros((ceil(REACH * max(1.0, 1 / self._ratio)), self._channels), np.float32)
        pending: FloatArray = self._converter.clone().process(silence, self._ratio)
        fresh = pending[self._returned - self._converted : due - self._converted]
        self._returned = due
        return fresh

    def _readable(self, frames: int) -> int:
        """Return how many of `frames`, at least 1, to hand to the converter in one call.

        It has room for ceil(frames * ratio) outputs, stops reading when that is full, and drops
        what it has not read (python-samplerate issue 7). By this count the room cannot be full
        before the last frame is read, because outputs that fill the room span as many frames.
        """
        room = -(-frames * SAMPLE_RATE // self._rate)
        return (room - 1) * self._rate // SAMPLE_RATE + 1
