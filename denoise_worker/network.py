"""DeepFilterNet3's network (Schröter et al., Interspeech 2023), one hop of many legs at a time.

The encoder reads the features of a hop and the two before. From its output, one decoder computes a
gain for each of 32 bands, the other five complex coefficients for each of the lowest 96 bins
(https://github.com/Rikorose/DeepFilterNet, `df/deepfilternet3.py`). The arithmetic is that of the
exported files, without unused outputs and with neighbouring linear steps merged:

- Gains matter between bin 96, up to where deep filtering replaces the spectrum, and bin 160, where
  16 kHz ends: bands 21 to 24. The decoder works on those and the neighbours that reach them.
- The local SNR is left out. The official runtime skips decoders when it is outside -15 to 35 dB,
  and it cannot leave that range.
- A convolution and the pointwise one directly after it are one product.
- The decoder's five taps in time do not need five stored hops of 64 channels: a hop adds its share
  to the next four results, of 10 channels. That makes a leg's memory 80 kB smaller.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from common.audio import FloatArray
from denoise_worker.layers import (
    CHANNELS,
    HIDDEN,
    Depthwise,
    Gru,
    Pointwise,
    Scaled,
    grouped,
    relu,
    sigmoid_of_double,
)

ComplexArray: TypeAlias = npt.NDArray[np.complex64]
Weights: TypeAlias = Mapping[str, Sequence[FloatArray]]
"""An exported file's constants, see `common.onnx.operands`."""

BANDS = 32
BINS = 96
"""Lowest bins of the spectrum, which are deep-filtered."""
ORDER = 5
"""Frames that deep filtering combines."""
REACH = 3
"""Hops of features that the encoder reads."""
GAINS = slice(21, 25)
"""Bands whose gains are computed."""
PENDING = (BINS, (ORDER - 1) * 2 * ORDER)
"""Shape of what earlier hops add to later coefficients."""

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
    """The weights; any number of threads may run it.

    Raises ValueError, naming the operation, when a file has other operations or shapes.
    """

    def __init__(self, encoder: Weights, gains: Weights, coefficients: Weights) -> None:
        self._encoder = _Encoder(encoder)
        self._gains = _GainDecoder(gains)
        self._coefficients = _CoefficientDecoder(coefficients)

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
    def __init__(self, weights: Weights) -> None:
        kernel, bias = _take(weights, "/erb_conv0/1/Conv", (64, 1, 3, 3), (64,))
        self._first = _with_bias(kernel.transpose(2, 3, 1, 0), bias)
        self._conv1 = _separable(weights, "/erb_conv1/0/Conv", "/erb_conv1/1/Conv")
        self._conv2 = _separable(weights, "/erb_conv2/Conv", "/erb_conv2/Conv_1")
        self._conv3 = _separable(weights, "/erb_conv3/0/Conv", "/erb_conv3/1/Conv")
        (kernel,) = _take(weights, "/df_conv0/1/Conv", (64, 1, 3, 3))
        mix, bias = _take(weights, "/df_conv0/2/Conv", (64, 64, 1, 1), (64,))
        # Half of the channels filter the real part, the other half the imaginary part.
        parts = np.split(kernel[:, 0], 2), np.split(mix[:, :, 0, 0], 2, axis=1)
        merged = [np.einsum("ctf,oc->tfo", k, m) for k, m in zip(*parts, strict=True)]
        self._first_bins = _with_bias(np.stack(merged, axis=2), bias)
        self._bins1 = _separable(weights, "/df_conv1/Conv", "/df_conv1/Conv_1")
        (self._bins_in,) = _take(weights, "/df_fc_emb/0/Einsum", (32, 96, 16))
        (self._in,) = _take(weights, "/emb_gru/linear_in/0/Einsum", (16, 32, 16))
        self._gru = _gru(weights, "/emb_gru/GRU")
        (self._out,) = _take(weights, "/emb_gru/linear_out/0/Einsum", (16, 16, 32))

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
    def __init__(self, weights: Weights) -> None:
        (self._in,) = _take(weights, "/emb_gru/linear_in/Einsum", (16, 32, 16))
        self._grus = _gru(weights, "/emb_gru/GRU"), _gru(weights, "/emb_gru/GRU_1")
        (self._out,) = _take(weights, "/emb_gru/linear_out/Einsum", (16, 16, 32))
        names = "/conv0p/Conv", "/conv1p/Conv", "/conv2p/Conv", "/conv3p/0/Conv"
        self._skips = [_scaled(weights, name) for name in names]
        self._up3 = _separable(weights, "/convt3/Conv", "/convt3/Conv_1")
        self._up2 = _separable(weights, "/convt2/0/ConvTranspose", "/convt2/1/Conv")
        self._up1 = _separable(weights, "/convt1/ConvTranspose", "/convt1/Conv")
        kernel, bias = _take(weights, "/conv0_out/0/Conv", (1, 64, 1, 3), (1,))
        self._last = np.ascontiguousarray(kernel[0, :, 0].T).reshape(-1) / 2
        self._bias = bias / 2

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
    def __init__(self, weights: Weights) -> None:
        (self._in,) = _take(weights, "/df_gru/linear_in/linear_in.0/Einsum", (8, 64, 32))
        self._grus = _gru(weights, "/df_gru/gru/GRU"), _gru(weights, "/df_gru/gru/GRU_1")
        (self._skip,) = _take(weights, "/df_skip/Einsum", (16, 32, 16))
        (out,) = _take(weights, "/df_out/df_out.0/Einsum", (16, 16, 60))
        self._out = np.pad(out, ((0, 0), (0, 0), (0, _COLUMNS - 60)))
        (kernel,) = _take(weights, "/df_convp/df_convp.1/Conv", (10, 32, 5, 1))
        mix, bias = _take(weights, "/df_convp/df_convp.2/Conv", (10, 10, 1, 1), (10,))
        # Half of the outputs read the first half of the channels, the others the second.
        parts = np.split(kernel[..., 0], 2), np.split(mix[:, :, 0, 0], 2, axis=1)
        merged = [np.einsum("cit,oc->ito", k, m) for k, m in zip(*parts, strict=True)]
        newest_first = np.concatenate(merged)[:, ::-1].reshape(CHANNELS, ORDER * 10)
        self._shares = np.pad(newest_first, ((0, 0), (0, _COLUMNS - ORDER * 10)))
        self._bias = bias

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


def _with_bias(kernel: FloatArray, bias: FloatArray) -> FloatArray:
    """Return [9 c + 1, 64] for `_windows` from [3, 3, c, 64] and the bias."""
    return np.concatenate((kernel.reshape(-1, CHANNELS), bias[None]), dtype=np.float32)


def _separable(weights: Weights, depthwise: str, pointwise: str) -> tuple[Depthwise, Pointwise]:
    (taps,) = _take(weights, depthwise, (64, 1, 1, 3))
    mix, bias = _take(weights, pointwise, (64, 64, 1, 1), (64,))
    return (
        Depthwise(np.ascontiguousarray(taps[:, 0, 0].T)),
        Pointwise(np.ascontiguousarray(mix[:, :, 0, 0].T), bias),
    )


def _scaled(weights: Weights, name: str) -> Scaled:
    factors, bias = _take(weights, name, (64, 1, 1, 1), (64,))
    return Scaled(factors[:, 0, 0, 0].copy(), bias)


def _gru(weights: Weights, name: str) -> Gru:
    shape = (1, 3 * HIDDEN, HIDDEN)
    given, hidden, bias = _take(weights, name, shape, shape, (1, 6 * HIDDEN))
    return Gru(given[0], hidden[0], bias[0])


def _take(weights: Weights, name: str, *shapes: tuple[int, ...]) -> list[FloatArray]:
    """Return an operation's constants; ValueError if their shapes differ from these."""
    found = [each for each in weights.get(name, ()) if each.ndim]
    if [each.shape for each in found] != list(shapes):
        shown = [each.shape for each in found] if name in weights else "missing"
        raise ValueError(f"operation {name} is {shown}, not {list(shapes)}")
    return found
