"""The weights of DeepFilterNet3's network: the one definition that every backend computes with.

They come from the exported files (https://github.com/Rikorose/DeepFilterNet,
`df/deepfilternet3.py`), without unused outputs and with neighbouring linear steps merged:

- Gains matter between bin 96, up to where deep filtering replaces the spectrum, and bin 160, where
  16 kHz ends: bands 21 to 24. The decoder works on those and the neighbours that reach them.
- The local SNR is left out. The official runtime skips decoders when it is outside -15 to 35 dB,
  and it cannot leave that range.
- A convolution and the pointwise one directly after it are one product.
- The decoder's five taps in time do not need five stored hops of 64 channels: a hop adds its share
  to the next four results, of 10 channels. That makes a leg's memory 80 kB smaller.

Every array is float32. Products are of rows with them: [in, out].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeAlias

import numpy as np

from common.audio import FloatArray

Operations: TypeAlias = Mapping[str, Sequence[FloatArray]]
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
CHANNELS = 64
HIDDEN = 256


class Separable(NamedTuple):
    """A filter of three taps along the bands for every channel, a linear layer over channels."""

    taps: FloatArray
    """[3, 64]"""
    mix: FloatArray
    """[64, 64]"""
    bias: FloatArray
    """[64]"""


class Scale(NamedTuple):
    """A factor and an offset per channel, [64] each."""

    factors: FloatArray
    bias: FloatArray


class Recurrent(NamedTuple):
    """A gated recurrent unit as ONNX has it: update, reset and candidate rows."""

    given: FloatArray
    """[768, 256]"""
    hidden: FloatArray
    """[768, 256]"""
    bias: FloatArray
    """[1536]: for what is given, then for the hidden state."""


@dataclass(frozen=True)
class EncoderWeights:
    """From features of three hops to the embedding."""

    first: FloatArray
    """[10, 64]: three hops of three bands, and the bias."""
    conv1: Separable
    conv2: Separable
    conv3: Separable
    first_bins: FloatArray
    """[19, 64]: three hops of three bins of two parts, and the bias."""
    bins1: Separable
    bins_in: FloatArray
    """[32, 96, 16]: groups, in, out."""
    into: FloatArray
    """[16, 32, 16]"""
    gru: Recurrent
    out: FloatArray
    """[16, 16, 32]"""

    @classmethod
    def of(cls, held: Operations) -> Self:
        """Take enc.onnx; ValueError as `Weights.of`."""
        kernel, bias = _take(held, "/erb_conv0/1/Conv", (64, 1, 3, 3), (64,))
        (bins,) = _take(held, "/df_conv0/1/Conv", (64, 1, 3, 3))
        mix, bins_bias = _take(held, "/df_conv0/2/Conv", (64, 64, 1, 1), (64,))
        # Half of the channels filter the real part, the other half the imaginary part.
        parts = np.split(bins[:, 0], 2), np.split(mix[:, :, 0, 0], 2, axis=1)
        merged = [np.einsum("ctf,oc->tfo", k, m) for k, m in zip(*parts, strict=True)]
        return cls(
            first=_with_bias(kernel.transpose(2, 3, 1, 0), bias),
            conv1=_separable(held, "/erb_conv1/0/Conv", "/erb_conv1/1/Conv"),
            conv2=_separable(held, "/erb_conv2/Conv", "/erb_conv2/Conv_1"),
            conv3=_separable(held, "/erb_conv3/0/Conv", "/erb_conv3/1/Conv"),
            first_bins=_with_bias(np.stack(merged, axis=2), bins_bias),
            bins1=_separable(held, "/df_conv1/Conv", "/df_conv1/Conv_1"),
            bins_in=_take(held, "/df_fc_emb/0/Einsum", (32, 96, 16))[0],
            into=_take(held, "/emb_gru/linear_in/0/Einsum", (16, 32, 16))[0],
            gru=_recurrent(held, "/emb_gru/GRU"),
            out=_take(held, "/emb_gru/linear_out/0/Einsum", (16, 16, 32))[0],
        )


@dataclass(frozen=True)
class GainWeights:
    """From the embedding to the gains of bands."""

    into: FloatArray
    """[16, 32, 16]"""
    grus: tuple[Recurrent, Recurrent]
    out: FloatArray
    """[16, 16, 32]"""
    skips: tuple[Scale, Scale, Scale, Scale]
    """Of the encoder's four stages, the widest first."""
    up3: Separable
    up2: Separable
    up1: Separable
    last: FloatArray
    """[192]: three bands of 64 channels; a sigmoid follows."""
    bias: FloatArray
    """[1]"""

    @classmethod
    def of(cls, held: Operations) -> Self:
        """Take erb_dec.onnx; ValueError as `Weights.of`."""
        kernel, bias = _take(held, "/conv0_out/0/Conv", (1, 64, 1, 3), (1,))
        return cls(
            into=_take(held, "/emb_gru/linear_in/Einsum", (16, 32, 16))[0],
            grus=(_recurrent(held, "/emb_gru/GRU"), _recurrent(held, "/emb_gru/GRU_1")),
            out=_take(held, "/emb_gru/linear_out/Einsum", (16, 16, 32))[0],
            skips=(
                _scale(held, "/conv0p/Conv"),
                _scale(held, "/conv1p/Conv"),
                _scale(held, "/conv2p/Conv"),
                _scale(held, "/conv3p/0/Conv"),
            ),
            up3=_separable(held, "/convt3/Conv", "/convt3/Conv_1"),
            up2=_separable(held, "/convt2/0/ConvTranspose", "/convt2/1/Conv"),
            up1=_separable(held, "/convt1/ConvTranspose", "/convt1/Conv"),
            last=np.ascontiguousarray(kernel[0, :, 0].T).reshape(-1),
            bias=bias,
        )


@dataclass(frozen=True)
class CoefficientWeights:
    """From the embedding and the bins to the coefficients of deep filtering."""

    into: FloatArray
    """[8, 64, 32]"""
    grus: tuple[Recurrent, Recurrent]
    skip: FloatArray
    """[16, 32, 16]"""
    out: FloatArray
    """[16, 16, 60]"""
    shares: FloatArray
    """[64, 50]: what a hop adds to ten values of this hop and of the four after it."""
    bias: FloatArray
    """[10]"""

    @classmethod
    def of(cls, held: Operations) -> Self:
        """Take df_dec.onnx; ValueError as `Weights.of`."""
        into = _take(held, "/df_gru/linear_in/linear_in.0/Einsum", (8, 64, 32))[0]
        grus = _recurrent(held, "/df_gru/gru/GRU"), _recurrent(held, "/df_gru/gru/GRU_1")
        (skip,) = _take(held, "/df_skip/Einsum", (16, 32, 16))
        (out,) = _take(held, "/df_out/df_out.0/Einsum", (16, 16, 60))
        (kernel,) = _take(held, "/df_convp/df_convp.1/Conv", (10, 32, 5, 1))
        mix, bias = _take(held, "/df_convp/df_convp.2/Conv", (10, 10, 1, 1), (10,))
        # Half of the outputs read the first half of the channels, the others the second.
        parts = np.split(kernel[..., 0], 2), np.split(mix[:, :, 0, 0], 2, axis=1)
        merged = [np.einsum("cit,oc->ito", k, m) for k, m in zip(*parts, strict=True)]
        newest_first = np.concatenate(merged)[:, ::-1].reshape(CHANNELS, ORDER * 10)
        return cls(into, grus, skip, out, newest_first, bias)


@dataclass(frozen=True)
class Weights:
    """The whole network's."""

    encoder: EncoderWeights
    gains: GainWeights
    coefficients: CoefficientWeights

    @classmethod
    def of(cls, encoder: Operations, gains: Operations, coefficients: Operations) -> Self:
        """Take the three exported files.

        Raises ValueError, naming the operation, when a file has other operations or shapes.
        """
        return cls(
            EncoderWeights.of(encoder),
            GainWeights.of(gains),
            CoefficientWeights.of(coefficients),
        )


def _with_bias(kernel: FloatArray, bias: FloatArray) -> FloatArray:
    """Return [9 c + 1, 64] from [3, 3, c, 64] and the bias."""
    return np.concatenate((kernel.reshape(-1, CHANNELS), bias[None]), dtype=np.float32)


def _separable(held: Operations, depthwise: str, pointwise: str) -> Separable:
    (taps,) = _take(held, depthwise, (64, 1, 1, 3))
    mix, bias = _take(held, pointwise, (64, 64, 1, 1), (64,))
    return Separable(
        np.ascontiguousarray(taps[:, 0, 0].T), np.ascontiguousarray(mix[:, :, 0, 0].T), bias
    )


def _scale(held: Operations, name: str) -> Scale:
    factors, bias = _take(held, name, (64, 1, 1, 1), (64,))
    return Scale(factors[:, 0, 0, 0].copy(), bias)


def _recurrent(held: Operations, name: str) -> Recurrent:
    shape = (1, 3 * HIDDEN, HIDDEN)
    given, hidden, bias = _take(held, name, shape, shape, (1, 6 * HIDDEN))
    return Recurrent(given[0], hidden[0], bias[0])


def _take(held: Operations, name: str, *shapes: tuple[int, ...]) -> list[FloatArray]:
    """Return an operation's constants; ValueError if their shapes differ from these."""
    found = [each for each in held.get(name, ()) if each.ndim]
    if [each.shape for each in found] != list(shapes):
        shown = [each.shape for each in found] if name in held else "missing"
        raise ValueError(f"operation {name} is {shown}, not {list(shapes)}")
    return found
