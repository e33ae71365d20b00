"""Silero VAD v6 at 16 kHz as matrix products over a batch of frames, in numpy.

The network of https://github.com/snakers4/silero-vad: a short-time Fourier transform as a
convolution (256 samples, hop 128, four positions a frame), its magnitudes, four convolutions with
ReLU that reduce the positions to one, an LSTM cell, and a projection to the speech probability.

What makes it fast, per frame of 32 ms on one core with AVX-512:

- A frame row holds its positions one after the other, so the inputs of a convolution's taps are one
  slice of it: no product copies its input first. Taps that would only see padding are left out: two
  of twelve, one of six, one of three and two of three.
- The transform's basis is symmetric about its sample 128 (cosines) or antisymmetric (sines). The
  samples are folded about it instead: 3.0 us rather than 5.5.
- Everything is written into scratch arrays of one block of frames, which stay in the second-level
  cache.
"""

from collections.abc import Mapping

import numpy as np

from common.audio import FloatArray
from vad_worker.framing import FRAME

CONTEXT = 64
"""Samples before a frame that the network reads with it."""
HIDDEN = 128
"""Values of the LSTM's hidden state, of its cell state and of a frame's features."""
BLOCK = 128
"""Frames computed together at most."""

_WINDOW = 256
_HOP = 128
_POSITIONS = 4
_BINS = _WINDOW // 2 + 1
_ZEROS = np.zeros(4 * 128, np.float32)
_SHAPES = {
    "stft.forward_basis_buffer": (2 * _BINS, 1, _WINDOW),
    "encoder.0.reparam_conv.weight": (128, _BINS, 3),
    "encoder.0.reparam_conv.bias": (128,),
    "encoder.1.reparam_conv.weight": (64, 128, 3),
    "encoder.1.reparam_conv.bias": (64,),
    "encoder.2.reparam_conv.weight": (64, 64, 3),
    "encoder.2.reparam_conv.bias": (64,),
    "encoder.3.reparam_conv.weight": (HIDDEN, 64, 3),
    "encoder.3.reparam_conv.bias": (HIDDEN,),
    "decoder.rnn.weight_ih": (4 * HIDDEN, HIDDEN),
    "decoder.rnn.weight_hh": (4 * HIDDEN, HIDDEN),
    "decoder.rnn.bias_ih": (4 * HIDDEN,),
    "decoder.rnn.bias_hh": (4 * HIDDEN,),
    "decoder.decoder.2.weight": (1, HIDDEN, 1),
    "decoder.decoder.2.bias": (1,),
}


class Network:
    """The network with its weights and scratch arrays: one call at a time.

    `weights` are the official ones by the names of its module `_model`. Raises ValueError when a
    tensor is missing or has another shape, or when the transform cannot be folded.
    """

    def __init__(self, weights: Mapping[str, FloatArray]) -> None:
        for name, shape in _SHAPES.items():
            if name not in weights or weights[name].shape != shape:
                raise ValueError(f"the VAD network needs a tensor {name} {list(shape)}")
        self._cosines, self._sines = folded(weights["stft.forward_basis_buffer"][:, 0])
        self._convolutions = [
            (
                taps(weights[f"encoder.{layer}.reparam_conv.weight"]),
                np.tile(weights[f"encoder.{layer}.reparam_conv.bias"], positions),
            )
            for layer, positions in enumerate((4, 2, 1, 1))
        ]
        self._gates, self._gate_bias = gates(weights)
        self._projection = weights["decoder.decoder.2.weight"][0, :, 0].copy()
        self._projection_bias = weights["decoder.decoder.2.bias"]
        self._padded = np.empty((BLOCK, FRAME + 2 * CONTEXT), np.float32)
        self._even = np.empty((BLOCK, _POSITIONS, _HOP), np.float32)
        self._odd = np.empty_like(self._even)
        self._real = np.empty((BLOCK * _POSITIONS, _BINS), np.float32)
        self._imaginary = np.empty((BLOCK * _POSITIONS, _BINS - 2), np.float32)
        self._first = np.empty((BLOCK, 4 * 128), np.float32)
        self._second = np.empty((BLOCK, 2 * 64), np.float32)
        self._third = np.empty((BLOCK, 64), np.float32)
        self._activations = np.empty((BLOCK, 4 * HIDDEN), np.float32)
        self._products = np.empty((BLOCK, HIDDEN), np.float32)

    def features(self, contexts: FloatArray, frames: FloatArray, out: FloatArray) -> None:
        """Write the LSTM's inputs for n <= BLOCK frames to `out`, float32 [n, 128].

        `frames` is float32 [n, 512] in [-1, 1] at 16 kHz, `contexts` float32 [n, 64]: the samples
        before each.
        """
        count = len(frames)
        padded = self._padded[:count]
        padded[:, :CONTEXT] = contexts
        padded[:, CONTEXT : CONTEXT + FRAME] = frames
        padded[:, CONTEXT + FRAME :] = frames[:, -2 : -2 - CONTEXT : -1]
        spectrum = self._magnitudes(padded).reshape(count, _POSITIONS * _BINS)
        (w1, b1), (w2, b2), (w3, b3), (w4, b4) = self._convolutions
        first, second, third = self._first[:count], self._second[:count], self._third[:count]
        # One product per output position, with the rows of the weights that meet its inputs.
        np.matmul(spectrum[:, : 2 * _BINS], w1[_BINS:], out=first[:, :128])
        np.matmul(spectrum[:, : 3 * _BINS], w1, out=first[:, 128:256])
        np.matmul(spectrum[:, _BINS:], w1, out=first[:, 256:384])
        np.matmul(spectrum[:, 2 * _BINS :], w1[: 2 * _BINS], out=first[:, 384:])
        _rectify(first, b1)
        np.matmul(first[:, :256], w2[128:], out=second[:, :64])
        np.matmul(first[:, 128:], w2, out=second[:, 64:])
        _rectify(second, b2)
        np.matmul(second, w3[64:], out=third)
        _rectify(third, b3)
        np.matmul(third, w4[64:128], out=out)
        _rectify(out, b4)

    def step(self, joined: FloatArray, cells: FloatArray) -> FloatArray:
        """Advance n <= BLOCK legs by one frame; return the speech probabilities, float32 [n].

        `joined` is float32 [n, 256]: the frame's features and the hidden state. The hidden state
        and the cell state `cells`, float32 [n, 128], change in place.
        """
        count = len(joined)
        activations, products = self._activations[:count], self._products[:count]
        np.matmul(joined, self._gates, out=activations)
        activations += self._gate_bias
        np.tanh(activations, out=activations)
        sigmoids = activations[:, : 3 * HIDDEN]
        sigmoids *= np.float32(0.5)
        sigmoids += np.float32(0.5)
        np.multiply(activations[:, :HIDDEN], activations[:, 3 * HIDDEN :], out=products)
        np.multiply(cells, activations[:, HIDDEN : 2 * HIDDEN], out=cells)
        cells += products
        np.tanh(cells, out=products)
        hidden = joined[:, HIDDEN:]
        np.multiply(products, activations[:, 2 * HIDDEN : 3 * HIDDEN], out=hidden)
        np.maximum(hidden, _ZEROS[:HIDDEN], out=products)
        logits: FloatArray = products @ self._projection
        logits += self._projection_bias
        return sigmoid(logits)

    def _magnitudes(self, padded: FloatArray) -> FloatArray:
        """Return the spectrum of [n, 640] samples: float32 [n * 4, 129], position by position."""
        count = len(padded)
        even, odd = self._even[:count], self._odd[:count]
        # Samples 1 to 128 of every position, and their mirror images from its end.
        ahead = padded[:, 1 : 1 + FRAME].reshape(count, _POSITIONS, _HOP)
        back = padded.reshape(count, _POSITIONS + 1, _HOP)[:, 1:, ::-1]
        np.add(ahead, back, out=even)
        np.subtract(ahead, back, out=odd)
        real, imaginary = self._real[: count * _POSITIONS], self._imaginary[: count * _POSITIONS]
        np.matmul(even.reshape(-1, _HOP), self._cosines, out=real)
        np.matmul(odd.reshape(-1, _HOP), self._sines, out=imaginary)
        np.square(real, out=real)
        np.square(imaginary, out=imaginary)
        real[:, 1:-1] += imaginary
        return np.sqrt(real, out=real)


def folded(basis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the factors of folded samples: cosines [128, 129] and sines [128, 127].

    `basis` is [258, 256], the windowed cosines of 129 bins and then their sines. Row i of the
    results belongs to samples 1 + i and 255 - i, whose sum meets the cosines and whose difference
    the sines; the first and the last bin have no sine. Raises ValueError for another basis.
    """
    cosines, sines = basis[:_BINS], basis[_BINS:]
    tolerance = 1e-6
    symmetric = np.abs(cosines[:, 1:] - cosines[:, :0:-1]).max() < tolerance
    antisymmetric = np.abs(sines[:, 1:] + sines[:, :0:-1]).max() < tolerance
    silent = max(np.abs(basis[:, 0]).max(), np.abs(sines[[0, -1]]).max()) < tolerance
    if not (symmetric and antisymmetric and silent):
        raise ValueError("the VAD network's transform is not a symmetric windowed Fourier basis")
    half = cosines[:, 1 : _HOP + 1].T.copy()
    half[-1] /= 2  # sample 128 is folded onto itself
    return half, sines[1:-1, 1 : _HOP + 1].T.copy()


def taps(weight: FloatArray) -> FloatArray:
    """Return a convolution's weight [out, in, 3] as [3 * in, out], tap by tap."""
    return np.ascontiguousarray(weight.transpose(2, 1, 0).reshape(-1, len(weight)))


def gates(weights: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """Return the LSTM's weights [256, 512] and biases [512] for input and hidden state joined.

    The gates come as input, forget, output, candidate; the file has the last two in the opposite
    order. The weights of the sigmoid gates are halved: since sigmoid(x) = tanh(x / 2) / 2 + 1 / 2,
    one tanh computes all four.
    """
    joined = np.concatenate((weights["decoder.rnn.weight_ih"], weights["decoder.rnn.weight_hh"]), 1)
    bias = weights["decoder.rnn.bias_ih"] + weights["decoder.rnn.bias_hh"]
    order = np.arange(4 * HIDDEN).reshape(4, HIDDEN)[[0, 1, 3, 2]].reshape(-1)
    scale = np.repeat(np.array([0.5, 1.0], np.float32), [3 * HIDDEN, HIDDEN])
    return np.ascontiguousarray((joined[order] * scale[:, None]).T), bias[order] * scale


def sigmoid(values: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-values)) of float32 [n], for any finite value without overflow."""
    result: FloatArray = np.tanh(values * np.float32(0.5)) * np.float32(0.5) + np.float32(0.5)
    return result


def _rectify(values: FloatArray, bias: FloatArray) -> None:
    """Add `bias` to rows and clip at zero, in place."""
    values += bias
    # Zeros as an array: with a scalar this takes three times as long.
    np.maximum(values, _ZEROS[: values.shape[1]], out=values)
