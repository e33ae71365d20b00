"""The layers of DeepFilterNet3 for one hop of many legs, in numpy.

Activations are float32 [legs, bands, channels] or [legs, values]: a convolution over channels is
then one matrix product over all bands of all legs. If a product has a multiple of 16 columns,
OpenBLAS on AVX-512 gives a leg the same bits for any number of legs from two on. On other
processors the last bits may differ.
"""

from dataclasses import dataclass

import numpy as np

from common.audio import FloatArray
from denoise_worker.weights import HIDDEN

_BLOCK = 64
_GATES = 3 * HIDDEN // _BLOCK
_PER_GATE = HIDDEN // _BLOCK
_HALF = np.float32(0.5)


def relu(values: FloatArray) -> FloatArray:
    """Cut negative values off, in place."""
    return np.maximum(values, 0, out=values)


def sigmoid_of_double(values: FloatArray) -> FloatArray:
    """Take sigmoid(2 x) of the values, in place; tanh is the only function numpy vectorises."""
    np.tanh(values, out=values)
    values *= _HALF
    values += _HALF
    return values


def grouped(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Apply a linear layer to each of g groups: [n, g * i] by [g, i, o] gives [n, g * o]."""
    groups, given, wanted = weights.shape
    result = np.empty((len(values), groups, wanted), np.float32)
    parted = values.reshape(len(values), groups, given).swapaxes(0, 1)
    np.matmul(parted, weights, out=result.swapaxes(0, 1))
    return result.reshape(len(values), groups * wanted)


@dataclass(frozen=True)
class Depthwise:
    """A filter of three taps along the bands for every channel: `taps` float32 [3, channels]."""

    taps: FloatArray

    def same(self, values: FloatArray) -> FloatArray:
        """Filter [n, k, channels] at every band."""
        result: FloatArray = values * self.taps[1]
        result[:, 1:] += values[:, :-1] * self.taps[0]
        result[:, :-1] += values[:, 1:] * self.taps[2]
        return result

    def halved(self, values: FloatArray) -> FloatArray:
        """Filter [n, 2 k, channels] at every second band, from the first on."""
        result: FloatArray = values[:, ::2] * self.taps[1]
        result += values[:, 1::2] * self.taps[2]
        result[:, 1:] += values[:, 1:-1:2] * self.taps[0]
        return result

    def doubled(self, values: FloatArray) -> FloatArray:
        """Return [n, 2 k, channels]: the transposed convolution of `halved`."""
        count, bands, channels = values.shape
        result = np.empty((count, bands, 2, channels), np.float32)
        np.multiply(values, self.taps[1], out=result[:, :, 0])
        np.multiply(values, self.taps[2], out=result[:, :, 1])
        result[:, :-1, 1] += values[:, 1:] * self.taps[0]
        return result.reshape(count, 2 * bands, channels)


@dataclass(frozen=True)
class Pointwise:
    """A linear layer over the channels of every band, then ReLU: `weights` [channels, 64]."""

    weights: FloatArray
    bias: FloatArray

    def __call__(self, values: FloatArray) -> FloatArray:
        """Apply it to [n, bands, channels]."""
        result = values.reshape(-1, len(self.weights)) @ self.weights
        result += self.bias
        return relu(result).reshape(*values.shape[:-1], -1)


@dataclass(frozen=True)
class Scaled:
    """A factor and an offset per channel, then ReLU."""

    factors: FloatArray
    bias: FloatArray

    def __call__(self, values: FloatArray) -> FloatArray:
        """Apply it to [n, bands, channels]; a new array."""
        result = values * self.factors
        result += self.bias
        return relu(result)


class Gru:
    """A gated recurrent unit of 256 by 256, the reset gate applied after the product.

    Its two matrices are most of the network's weights, and a worker's cache does not keep those of
    all units from hop to hop. So they are stored as contiguous blocks of 64 columns: each is read
    in one go, and OpenBLAS makes no packed copy of one so small. For 16 legs on a busy machine a
    product takes 71 us in this way, 206 us in one piece.
    """

    def __init__(self, given: FloatArray, hidden: FloatArray, bias: FloatArray) -> None:
        """Take ONNX's [768, 256], [768, 256] and [1536]: update, reset and candidate rows."""
        gates = 2 * HIDDEN
        scale = np.ones(3 * HIDDEN, np.float32)
        scale[:gates] = _HALF  # for sigmoid_of_double
        merged = bias[: 3 * HIDDEN].copy()
        merged[:gates] += bias[3 * HIDDEN :][:gates]
        self._given = _blocks(given * scale[:, None])
        self._hidden = _blocks(hidden * scale[:, None])
        self._bias = (merged * scale).reshape(_GATES, 1, _BLOCK)
        self._candidate_bias = bias[3 * HIDDEN + gates :].reshape(_PER_GATE, 1, _BLOCK).copy()

    def step(self, values: FloatArray, hidden: FloatArray) -> FloatArray:
        """Advance the hidden states [n, 256], in place, by the values [n, 256]; return them."""
        given = np.matmul(values, self._given)
        given += self._bias
        kept = np.matmul(hidden, self._hidden)
        gates = given[: 2 * _PER_GATE]
        gates += kept[: 2 * _PER_GATE]
        sigmoid_of_double(gates)
        update, reset = gates[:_PER_GATE], gates[_PER_GATE:]
        candidate = kept[2 * _PER_GATE :]
        candidate += self._candidate_bias
        candidate *= reset
        candidate += given[2 * _PER_GATE :]
        np.tanh(candidate, out=candidate)
        blocks = hidden.reshape(-1, _PER_GATE, _BLOCK).swapaxes(0, 1)
        moved = blocks - candidate
        moved *= update
        np.add(moved, candidate, out=blocks)
        return hidden


def _blocks(rows: FloatArray) -> FloatArray:
    """Lay [768, 256] out as [12, 256, 64]: columns of the transposed matrix, 64 at a time."""
    return np.ascontiguousarray(rows.reshape(_GATES, _BLOCK, HIDDEN).swapaxes(1, 2))
