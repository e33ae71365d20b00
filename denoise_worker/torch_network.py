"""DeepFilterNet3's network for one hop of many legs, in torch.

`denoise_worker.network` says what it computes. Activations are [legs, bands, channels] or
[legs, values].
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.nn.functional import pad

from denoise_worker.weights import (
    BANDS,
    BINS,
    CHANNELS,
    GAINS,
    HIDDEN,
    ORDER,
    PENDING,
    CoefficientWeights,
    EncoderWeights,
    GainWeights,
    Recurrent,
    Scale,
    Separable,
)

Put = Callable[[Any], Any]
"""Puts an array of numpy on the device."""


class Encoded(NamedTuple):
    """What the encoder tells the decoders."""

    embedding: Any
    bands: tuple[Any, Any, Any, Any]
    bins: Any


class TorchEncoder:
    """From the features of three hops to the embedding."""

    def __init__(self, weights: EncoderWeights, put: Put) -> None:
        self._first, self._first_bins = put(weights.first), put(weights.first_bins)
        self._conv1, self._conv2 = _Separable(weights.conv1, put), _Separable(weights.conv2, put)
        self._conv3, self._bins1 = _Separable(weights.conv3, put), _Separable(weights.bins1, put)
        self._bins_in, self._in = put(weights.bins_in), put(weights.into)
        self._gru, self._out = _Gru(weights.gru, put), put(weights.out)

    def run(self, bands: Any, bins: Any, hidden: Any) -> Encoded:
        """Take [n, 3, 32] and [n, 3, 96, 2]; advance the hidden states [n, 256] in place."""
        count = len(bands)
        e0 = _windowed(bands[..., None], self._first).view(count, BANDS, CHANNELS)
        e1 = self._conv1.halved(e0)
        e2 = self._conv2.halved(e1)
        e3 = self._conv3.same(e2)
        c0 = _windowed(bins, self._first_bins).view(count, BINS, CHANNELS)
        c1 = self._bins1.halved(c0)
        joined = _grouped(c1, self._bins_in).relu_() + e3.flatten(1)
        state = self._gru.step(_grouped(joined, self._in).relu_(), hidden)
        return Encoded(_grouped(state, self._out).relu_(), (e0, e1, e2, e3), c0)


class TorchGainDecoder:
    """From the embedding to the gains of the bands `GAINS`."""

    def __init__(self, weights: GainWeights, put: Put) -> None:
        self._in, self._out = put(weights.into), put(weights.out)
        self._grus = [_Gru(each, put) for each in weights.grus]
        self._skips = [_Scaled(each, put) for each in weights.skips]
        self._up3, self._up2 = _Separable(weights.up3, put), _Separable(weights.up2, put)
        self._up1 = _Separable(weights.up1, put)
        self._last, self._bias = put(weights.last), put(weights.bias)

    def run(self, found: Encoded, hidden: tuple[Any, Any]) -> Any:
        """Return gains [n, 4]; advance the hidden states in place. The slices are numpy's."""
        state = _grouped(found.embedding, self._in).relu_()
        for gru, memory in zip(self._grus, hidden, strict=True):
            state = gru.step(state, memory)
        e0, e1, e2, e3 = found.bands
        d = _grouped(state, self._out).relu_().view(len(state), 8, CHANNELS)[:, 4:]
        d = self._up3.same(self._skips[3](e3[:, 4:]) + d)[:, 1:]
        d = self._up2.doubled(self._skips[2](e2[:, 5:]) + d)[:, :4]
        d = self._up1.doubled(self._skips[1](e1[:, 10:14]) + d)
        d = d + self._skips[0](e0[:, 20:28])
        wanted = GAINS.stop - GAINS.start
        around = torch.cat([d[:, tap : tap + wanted] for tap in range(3)], dim=2)
        return (around @ self._last + self._bias).sigmoid_()


class TorchCoefficientDecoder:
    """From the embedding and the bins to the coefficients of deep filtering."""

    def __init__(self, weights: CoefficientWeights, put: Put) -> None:
        self._in, self._skip, self._out = put(weights.into), put(weights.skip), put(weights.out)
        self._grus = [_Gru(each, put) for each in weights.grus]
        self._shares, self._bias = put(weights.shares), put(weights.bias)

    def run(self, found: Encoded, hidden: tuple[Any, Any], pending: Any) -> Any:
        """Return [n, 96, 5, 2]; advance the hidden states and `pending` in place."""
        state = _grouped(found.embedding, self._in).relu_()
        for gru, memory in zip(self._grus, hidden, strict=True):
            state = gru.step(state, memory)
        wide = _grouped(state + _grouped(found.embedding, self._skip), self._out)
        shares = found.bins @ self._shares
        later = PENDING[1]
        shares[:, :, :later] += pending
        pending.copy_(shares[:, :, -later:])
        path = (shares[:, :, :-later] + self._bias).relu_()
        return wide.tanh_().view(-1, BINS, 2 * ORDER).add_(path).view(-1, BINS, ORDER, 2)


class _Separable:
    def __init__(self, weights: Separable, put: Put) -> None:
        self._taps = put(weights.taps)
        self._mix, self._bias = put(weights.mix), put(weights.bias)

    def same(self, values: Any) -> Any:
        """Filter [n, k, channels] at every band, and mix."""
        before, here, after = self._taps
        wide = pad(values, (0, 0, 1, 1))
        return self._mixed(wide[:, :-2] * before + values * here + wide[:, 2:] * after)

    def halved(self, values: Any) -> Any:
        """Filter [n, 2 k, channels] at every second band, from the first on, and mix."""
        before, here, after = self._taps
        wide = pad(values, (0, 0, 1, 0))
        return self._mixed(
            wide[:, :-1:2] * before + values[:, ::2] * here + values[:, 1::2] * after
        )

    def doubled(self, values: Any) -> Any:
        """Return [n, 2 k, channels]: the transposed convolution of `halved`, and mix."""
        before, here, after = self._taps
        later = pad(values[:, 1:], (0, 0, 0, 1))
        pairs = torch.stack((values * here, values * after + later * before), dim=2)
        return self._mixed(pairs.flatten(1, 2))

    def _mixed(self, values: Any) -> Any:
        rows = torch.addmm(self._bias, values.reshape(-1, CHANNELS), self._mix).relu_()
        return rows.view(values.shape)


class _Scaled:
    def __init__(self, weights: Scale, put: Put) -> None:
        self._factors, self._bias = put(weights.factors), put(weights.bias)

    def __call__(self, values: Any) -> Any:
        """Scale [n, k, channels] by channel, and cut negative values off."""
        return torch.addcmul(self._bias, values, self._factors).relu_()


class _Gru:
    def __init__(self, weights: Recurrent, put: Put) -> None:
        self._given, self._hidden = put(weights.given).T, put(weights.hidden).T
        bias = put(weights.bias)
        self._given_bias, self._hidden_bias = bias[: 3 * HIDDEN], bias[3 * HIDDEN :]

    def step(self, values: Any, hidden: Any) -> Any:
        """Advance the hidden states [n, 256], in place, by the values [n, 256]; return them."""
        given = torch.addmm(self._given_bias, values, self._given)
        kept = torch.addmm(self._hidden_bias, hidden, self._hidden)
        gates = 2 * HIDDEN
        update, reset = (given[:, :gates] + kept[:, :gates]).sigmoid_().split(HIDDEN, dim=1)
        candidate = torch.addcmul(given[:, gates:], kept[:, gates:], reset).tanh_()
        hidden.copy_(torch.lerp(candidate, hidden, update))
        return hidden


def _grouped(values: Any, weights: Any) -> Any:
    """Apply a linear layer to each of g groups: g * i values of a leg by [g, i, o] gives g * o."""
    groups, given, _ = weights.shape
    parted = values.reshape(-1, groups, given).transpose(0, 1)
    return torch.bmm(parted, weights).transpose(0, 1).flatten(1)


def _windowed(values: Any, kernel: Any) -> Any:
    """Return [n * k, 64]: each band's neighbourhood in [n, 3, k, c] by [9 c + 1, 64], with ReLU."""
    bands = values.shape[2]
    wide = pad(values, (0, 0, 1, 1))
    around = torch.stack([wide[:, :, tap : tap + bands] for tap in range(3)], dim=3)
    rows = around.transpose(1, 2).reshape(-1, len(kernel) - 1)
    return torch.addmm(kernel[-1], rows, kernel[:-1]).relu_()
