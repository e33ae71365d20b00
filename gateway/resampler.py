"""Streaming sample-rate conversion to 16 kHz with a lookahead of a few milliseconds.

Band-limited interpolation by a windowed sinc, one set of taps per output phase (J. O. Smith,
"Digital Audio Resampling", CCRMA, 2002; window: Kaiser, 1974). Output sample k is the input at time
k/16000: the filter is centred on it, so nothing is delayed, only known `Resampler.lookahead`
later.

Samples and taps are integers held in float64, and every product and sum stays below 2**53, so the
arithmetic is exact. The order of summation, and with it the chunking of the stream, the BLAS and
its threads cannot change a bit of the result.

libsoxr is not used here because its FFT stages hold audio back: from 8 kHz its HQ recipe has the
newest 12 to 116 ms (64 on average) pending, which every partial and every endpoint would pay.
"""

from functools import lru_cache
from math import ceil, gcd
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from common.audio import SAMPLE_RATE

ExactArray = npt.NDArray[np.float64]

FULL_SCALE_BITS = 23
"""A full-scale input sample is 2**FULL_SCALE_BITS."""

_TAP_BITS = 24
_PCM_SCALE = 2.0 ** (15 - FULL_SCALE_BITS - _TAP_BITS)

# About 70 dB down from 2 % above the lower of both Nyquist frequencies (4.08 kHz from 8 kHz) and
# flat to 12 % below it (3.52 kHz; the telephone band ends at 3.4), for 4 ms of lookahead.
_ZERO_CROSSINGS = 32
_CUTOFF = 0.95
_KAISER_BETA = 6.75

# One matrix product per block of outputs costs a fifth of gathering every output's inputs, but
# needs a period short enough to tabulate; every rate that audio hardware uses has one.
_BLOCK = 160
_MAX_BLOCK_TAPS = 1 << 19
# A rate with a longer period uses the nearest of this many phases: at most 2**-11 of an input
# sample of jitter, noise at -62 dB.
_PHASES = 1024


class _Kernel(NamedTuple):
    """The filter of one rate."""

    up: int
    """Outputs per period."""
    down: int
    """Inputs per period."""
    lookahead: int
    phases: ExactArray
    """Taps [phase, 2 * lookahead], for outputs at phase / len(phases) of an input sample."""
    block: ExactArray | None
    """Taps [inputs of a block + 2 * lookahead, outputs of a block], None for a long period."""


class Resampler:
    """Convert `channels` streams at `rate` Hz (a whole number), kept in step, to 16 kHz."""

    def __init__(self, rate: int, channels: int) -> None:
        self._kernel = _kernel(rate)
        # Inputs are counted with lookahead - 1 zeros before the stream, so that the taps of output
        # n begin at input floor(n * down / up). `_inputs` holds them from number `_first` on.
        self._inputs: ExactArray = np.zeros((channels, self._kernel.lookahead - 1))
        self._first = 0
        self._received = 0
        self._emitted = 0

    @property
    def lookahead(self) -> int:
        """Input samples that must follow an output's time before it is known."""
        return self._kernel.lookahead

    def push(self, samples: ExactArray) -> npt.NDArray[np.int16]:
        """Take integers [channels, n] of scale 2**FULL_SCALE_BITS; return PCM16 [channels, m]."""
        self._inputs = np.concatenate((self._inputs, samples), axis=1)
        self._received += samples.shape[1]
        return self._emit(self._outputs_before(self._received - self._kernel.lookahead))

    def flush(self) -> npt.NDArray[np.int16]:
        """Return what is pending, PCM16 [channels, m], as if silence followed.

        Afterwards every output whose time lies within the input has been returned. Input that
        follows continues the same timeline from the true history: only the outputs within
        `lookahead` of the flush, already given, were computed without knowing it.
        """
        return self._emit(self._outputs_before(self._received))

    def _outputs_before(self, inputs: int) -> int:
        """Count the outputs whose time is before that of input number `inputs`."""
        return max(0, -(-inputs * self._kernel.up // self._kernel.down))

    def _emit(self, end: int) -> npt.NDArray[np.int16]:
        begin = self._emitted
        if end <= begin:
            return np.empty((len(self._inputs), 0), dtype=np.int16)
        filtered = self._gathered if self._kernel.block is None else self._blocked
        exact = filtered(begin, end)
        self._emitted = end
        pcm = np.rint(exact * _PCM_SCALE)
        return np.clip(pcm, -32768, 32767, out=pcm).astype(np.int16)

    def _blocked(self, begin: int, end: int) -> ExactArray:
        """Filter outputs [begin, end) as rows of whole blocks, aligned to the stream."""
        block = self._kernel.block
        assert block is not None
        reach, outputs = block.shape
        inputs = reach - 2 * self._kernel.lookahead
        first, last = begin // outputs, ceil(end / outputs)
        known = self._take(first * inputs, (last - 1) * inputs + reach, end // outputs * inputs)
        # Copied to whole rows, because BLAS takes no rows that overlap.
        rows = np.stack(
            [known[:, at : at + reach] for at in range(0, (last - first) * inputs, inputs)], axis=1
        )
        exact = (rows.reshape(-1, reach) @ block).reshape(len(known), -1)
        offset = first * outputs
        return exact[:, begin - offset : end - offset]

    def _gathered(self, begin: int, end: int) -> ExactArray:
        """Filter outputs [begin, end) one by one."""
        up, down, lookahead, phases, _ = self._kernel
        # In Python integers: the product passes 2**63 only after years, but is free to be exact.
        times = [divmod(n * down, up) for n in range(begin, end)]
        start = np.array([whole for whole, _ in times])
        phase = np.array([part * len(phases) // up for _, part in times])
        keep = end * down // up
        known = self._take(int(start[0]), int(start[-1]) + 2 * lookahead, keep)
        windows = sliding_window_view(known, 2 * lookahead, axis=1)
        exact = np.empty((len(known), end - begin))
        # In pieces that stay in the processor's cache: nine times faster at 48 kHz.
        for at in range(0, end - begin, _BLOCK):
            piece = slice(at, at + _BLOCK)
            gathered = windows[:, start[piece] - start[0]]
            exact[:, piece] = np.einsum("cnt,nt->cn", gathered, phases[phase[piece]])
        return exact

    def _take(self, start: int, stop: int, keep: int) -> ExactArray:
        """Return inputs [start, stop), zeros where unknown; forget those before `keep`."""
        known = self._inputs[:, start - self._first : stop - self._first]
        missing = stop - start - known.shape[1]
        if missing > 0:
            known = np.concatenate((known, np.zeros((len(known), missing))), axis=1)
        self._inputs = self._inputs[:, max(0, keep - self._first) :]
        self._first = max(self._first, keep)
        return known


# A kernel takes 4 to 6 MB at most; the rates are the clients' choice, hence the bound.
@lru_cache(maxsize=16)
def _kernel(rate: int) -> _Kernel:
    common = gcd(rate, SAMPLE_RATE)
    up, down = SAMPLE_RATE // common, rate // common
    lookahead = ceil(_ZERO_CROSSINGS * max(1.0, rate / SAMPLE_RATE))
    outputs = up * ceil(_BLOCK / up)
    inputs = outputs * down // up
    if outputs * (inputs + 2 * lookahead) > _MAX_BLOCK_TAPS:
        count = min(up, _PHASES)
        centre = 0.0 if count == up else 0.5
        return _Kernel(up, down, lookahead, _taps(rate, lookahead, count, centre), None)
    phases = _taps(rate, lookahead, up, 0.0)
    block = np.zeros((inputs + 2 * lookahead, outputs))
    for n in range(outputs):
        start, phase = divmod(n * down, up)
        block[start : start + 2 * lookahead, n] = phases[phase]
    return _Kernel(up, down, lookahead, phases, block)


def _taps(rate: int, lookahead: int, count: int, centre: float) -> ExactArray:
    """Return integer taps [count, 2 * lookahead]; row p is for (p + centre) / count of a sample."""
    fraction = (np.arange(count) + centre) / count
    distance = np.arange(2 * lookahead) - (lookahead - 1) - fraction[:, np.newaxis]
    cutoff = _CUTOFF * min(1.0, SAMPLE_RATE / rate)
    taper = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0.0, 1.0 - (distance / lookahead) ** 2)))
    taps = np.sinc(cutoff * distance) * taper
    taps /= taps.sum(axis=1, keepdims=True)
    return np.rint(taps * 2.0**_TAP_BITS)
