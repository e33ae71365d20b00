"""DeepFilterNet3's network (Schröter et al., Interspeech 2023), one hop of many legs at a time.

The encoder reads the features of a hop and the two before. From its output, one decoder computes a
gain for each of 32 bands, the other five complex coefficients for each of the lowest 96 bins
(https://github.com/Rikorose/DeepFilterNet, `df/deepfilternet3.py`). The arithmetic is that of the
exported files, merged as `denoise_worker.weights` says.
"""

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from common.audio import FloatArray
from denoise_worker.layers import (
    Depthwise,
    Gru,
    Pointwise,
    Scaled,
    grouped,
    relu,
    sigmoid_of_double,
)
from denoise_worker.spectrum import ComplexArray
from denoise_worker.weights import (
    BANDS,
    BINS,
    CHANNELS,
    GAINS,
    ORDER,
    PENDING,
    CoefficientWeights,
    EncoderWeights,
    GainWeights,
    Recurrent,
    Separable,
    Weights,
)

_COLUMNS = 64


class Memory(NamedTuple):
    """What the network keeps of n legs; changed in place."""

    encoder: FloatArray
    """[n, 256]"""
    gains: tuple[FloatArray, FloatArray]
    """[n, 256] each"""
    coefficients: tuple[FloatArray, FloatArray]
    """[n, 256] each"""
    pending: FloatArray
    """[n, 96, 40]"""


class _Encoded(NamedTuple):
    embedding: FloatArray
    bands: tuple[FloatArray, FloatArray, FloatArray, FloatArray]
    bins: FloatArray


class Network:
    """The weights, laid out for numpy; any number of threads may run it."""

    def __init__(self, weights: Weights) -> None:
        self._encoder = _Encoder(weights.encoder)
        self._gains = _GainDecoder(weights.gains)
        self._coefficients = _CoefficientDecoder(weights.coefficients)

    def run(
        self, bands: FloatArray, bins: FloatArray, memory: Memory
    ) -> tuple[FloatArray, ComplexArray]:
        """Advance n legs by a hop.

        Args:
            bands: normalised levels of the last three hops, float32 [n, 3, 32].
            bins: normalised spectrum of the last three hops, float32 [n, 3, 96, 2].
            memory: of the same legs, n >= 2; a single leg has its rows twice.

        Returns the gains of the bands `GAINS`, [n, 4], and coefficients [n, 96, 5], oldest frame
        first; both belong to the hop two before the last.
        """
        found = self._encoder.run(bands, bins, memory.encoder)
        gains = self._gains.run(found, memory.gains)
        return gains, self._coefficients.run(found, memory.coefficients, memory.pending)


class _Encoder:
    def __init__(self, weights: EncoderWeights) -> None:
        self._first, self._first_bins = weights.first, weights.first_bins
        self._conv1, self._conv2 = _separable(weights.conv1), _separable(weights.conv2)
        self._conv3, self._bins1 = _separable(weights.conv3), _separable(weights.bins1)
        self._bins_in, self._in, self._out = weights.bins_in, weights.into, weights.out
        self._gru = Gru(*weights.gru)

    def run(self, bands: FloatArray, bins: FloatArray, hidden: FloatArray) -> _Encoded:
        count = len(bands)
        e0 = relu(_windows(bands[..., None]) @ self._first).reshape(count, BANDS, CHANNELS)
        e1 = self._conv1[1](self._conv1[0].halved(e0))
        e2 = self._conv2[1](self._conv2[0].halved(e1))
        e3 = self._conv3[1](self._conv3[0].same(e2))
        c0 = relu(_windows(bins) @ self._first_bins).reshape(count, BINS, CHANNELS)
        c1 = self._bins1[1](self._bins1[0].halved(c0))
        joined = relu(grouped(c1, self._bins_in))
        joined += e3.reshape(count, -1)
        state = self._gru.step(relu(grouped(joined, self._in)), hidden)
        return _Encoded(relu(grouped(state, self._out)), (e0, e1, e2, e3), c0)


class _GainDecoder:
    def __init__(self, weights: GainWeights) -> None:
        self._in, self._out = weights.into, weights.out
        self._grus = _grus(weights.grus)
        self._skips = [Scaled(*each) for each in weights.skips]
        self._up3, self._up2 = _separable(weights.up3), _separable(weights.up2)
        self._up1 = _separable(weights.up1)
        self._last, self._bias = weights.last / 2, weights.bias / 2

    def run(self, found: _Encoded, hidden: tuple[FloatArray, FloatArray]) -> FloatArray:
        state = relu(grouped(found.embedding, self._in))
        for gru, memory in zip(self._grus, hidden, strict=True):
            state = gru.step(state, memory)
        count = len(state)
        e0, e1, e2, e3 = found.bands
        # Bands 20 to 25 of 32 come from 10 to 13 of 16; those from 5 to 7 of 8, and these from 4
        # on. A slice that does not end at a true edge has wrong values beside it; they are not
        # used.
        d = relu(grouped(state, self._out)).reshape(count, 8, CHANNELS)[:, 4:]
        d = self._up3[1](self._up3[0].same(self._skips[3](e3[:, 4:]) + d))[:, 1:]
        d = self._up2[1](self._up2[0].doubled(self._skips[2](e2[:, 5:]) + d))[:, :4]
        d = self._up1[1](self._up1[0].doubled(self._skips[1](e1[:, 10:14]) + d))
        d += self._skips[0](e0[:, 20:28])
        wanted = GAINS.stop - GAINS.start
        leg, band, value = d.strides
        around = as_strided(d, (count, wanted, 3 * CHANNELS), (leg, band, value))
        return sigmoid_of_double((around * self._last).sum(axis=2) + self._bias)


class _CoefficientDecoder:
    def __init__(self, weights: CoefficientWeights) -> None:
        self._in, self._skip = weights.into, weights.skip
        self._grus = _grus(weights.grus)
        self._out = np.pad(weights.out, ((0, 0), (0, 0), (0, _COLUMNS - 60)))
        self._shares = np.pad(weights.shares, ((0, 0), (0, _COLUMNS - ORDER * 10)))
        self._bias = weights.bias

    def run(
        self, found: _Encoded, hidden: tuple[FloatArray, FloatArray], pending: FloatArray
    ) -> ComplexArray:
        state = relu(grouped(found.embedding, self._in))
        for gru, memory in zip(self._grus, hidden, strict=True):
            state = gru.step(state, memory)
        count = len(state)
        wide = grouped(state + grouped(found.embedding, self._skip), self._out)
        coefficients = np.empty((count, 16, 60), np.float32)
        np.tanh(wide.reshape(count, 16, _COLUMNS)[:, :, :60], out=coefficients)
        shares = (found.bins.reshape(-1, CHANNELS) @ self._shares).reshape(count, BINS, _COLUMNS)
        shares[:, :, : PENDING[1]] += pending
        pending[:] = shares[:, :, 10 : 10 + PENDING[1]]
        path = shares[:, :, :10] + self._bias
        flat = coefficients.reshape(count, BINS, 2 * ORDER)
        flat += relu(path)
        return flat.view(np.complex64)


def _windows(values: FloatArray) -> FloatArray:
    """Return [n * k, 9 c + 1] from [n, 3, k, c]: each band's neighbourhood, and a one for bias."""
    count, hops, bands, depth = values.shape
    padded = np.zeros((count, hops, bands + 2, depth), np.float32)
    padded[:, :, 1:-1] = values
    result = np.ones((count, bands, hops * 3 * depth + 1), np.float32)
    shape = (count, bands, hops, 3 * depth)
    leg, hop, band, value = padded.strides
    taps = as_strided(padded, shape, (leg, band, hop, value))
    leg, band, value = result.strides
    as_strided(result, shape, (leg, band, 3 * depth * value, value))[:] = taps
    return result.reshape(count * bands, -1)


def _separable(weights: Separable) -> tuple[Depthwise, Pointwise]:
    return Depthwise(weights.taps), Pointwise(weights.mix, weights.bias)


def _grus(weights: tuple[Recurrent, Recurrent]) -> tuple[Gru, Gru]:
    first, second = weights
    return Gru(*first), Gru(*second)
