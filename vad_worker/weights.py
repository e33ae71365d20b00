"""The weights of Silero VAD v6 at 16 kHz: the one definition that every backend computes with.

The network of https://github.com/snakers4/silero-vad: a short-time Fourier transform as a
convolution (256 samples, hop 128, four positions a frame), its magnitudes, four convolutions with
ReLU that reduce the positions to one, an LSTM cell, and a projection to the speech probability.

The weights come from the `silero-vad` wheel (requirements-no-deps.txt); the package is not
imported, because it needs torch. The wheel's safetensors file is not read: it holds the weights of
another network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from common import onnx
from common.audio import FloatArray
from common.errors import SettingsError
from common.installed import data_file

CONTEXT = 64
"""Samples before a frame that the network reads with it."""
HIDDEN = 128
"""Values of the LSTM's hidden state, of its cell state and of a frame's features."""
HOP = 128
POSITIONS = 4
"""Of the transform in a frame."""
BINS = HOP + 1
VALUES = 2 * HIDDEN + CONTEXT
"""float32 that the network remembers of a leg: hidden state, cell state, last samples heard."""

_CURE = "pip install --no-deps 'silero-vad>=6.2,<7'"
_SHAPES = {
    "stft.forward_basis_buffer": (2 * BINS, 1, 2 * HOP),
    "encoder.0.reparam_conv.weight": (128, BINS, 3),
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


class Convolution(NamedTuple):
    """Three taps: `taps` [3 * in, out], tap by tap, and `bias` [out]."""

    taps: FloatArray
    bias: FloatArray


@dataclass(frozen=True)
class Weights:
    """The network's weights, float32, laid out for products of rows with them."""

    cosines: FloatArray
    """[128, 129]; see `folded`."""
    sines: FloatArray
    """[128, 127]"""
    convolutions: tuple[Convolution, ...]
    """Four: 129 to 128 channels, to 64, to 64, to 128; the second and the third halve."""
    gates: FloatArray
    """[256, 512]; see `gates`."""
    gate_bias: FloatArray
    """[512]"""
    projection: FloatArray
    """[128]"""
    projection_bias: FloatArray
    """[1]"""

    @classmethod
    def of(cls, tensors: Mapping[str, FloatArray]) -> Self:
        """Take the official tensors by the names of the package's module `_model`.

        Raises ValueError when a tensor is missing or has another shape, or when the transform
        cannot be folded.
        """
        for name, shape in _SHAPES.items():
            if name not in tensors or tensors[name].shape != shape:
                raise ValueError(f"the VAD network needs a tensor {name} {list(shape)}")
        convolutions = [f"encoder.{layer}.reparam_conv" for layer in range(4)]
        return cls(
            *folded(tensors["stft.forward_basis_buffer"][:, 0]),
            tuple(
                Convolution(taps(tensors[f"{name}.weight"]), tensors[f"{name}.bias"])
                for name in convolutions
            ),
            *gates(tensors),
            tensors["decoder.decoder.2.weight"][0, :, 0].copy(),
            tensors["decoder.decoder.2.bias"],
        )


def official_file(name: str) -> Path:
    """Return a model file of the wheel; SettingsError when it is not installed."""
    path = data_file("silero_vad", f"data/{name}")
    if path is None:
        raise SettingsError(f"the VAD model is not installed: {_CURE}")
    return path


def installed() -> Weights:
    """Return the weights in the wheel; SettingsError when they are missing or unknown ones."""
    path = official_file("silero_vad_16k_op15.onnx")
    try:
        tensors = onnx.tensors(path.read_bytes())
        return Weights.of({k.removeprefix("model."): v for k, v in tensors.items()})
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} is not the VAD model: {error}") from error


def folded(basis: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the factors of folded samples: cosines [128, 129] and sines [128, 127].

    `basis` is [258, 256], the windowed cosines of 129 bins and then their sines. Row i of the
    results belongs to samples 1 + i and 255 - i, whose sum meets the cosines and whose difference
    the sines; the first and the last bin have no sine. Raises ValueError for another basis.
    """
    cosines, sines = basis[:BINS], basis[BINS:]
    tolerance = 1e-6
    symmetric = np.abs(cosines[:, 1:] - cosines[:, :0:-1]).max() < tolerance
    antisymmetric = np.abs(sines[:, 1:] + sines[:, :0:-1]).max() < tolerance
    silent = max(np.abs(basis[:, 0]).max(), np.abs(sines[[0, -1]]).max()) < tolerance
    if not (symmetric and antisymmetric and silent):
        raise ValueError("the VAD network's transform is not a symmetric windowed Fourier basis")
    half = cosines[:, 1 : HOP + 1].T.copy()
    half[-1] /= 2  # sample 128 is folded onto itself
    return half, sines[1:-1, 1 : HOP + 1].T.copy()


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
