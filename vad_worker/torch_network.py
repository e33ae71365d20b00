"""Silero VAD v6 at 16 kHz as one step of many legs, in torch.

A row is what the network remembers of a leg, in the order of a dumped state: LSTM hidden state
[128], cell state [128], last samples heard [64].
"""

from typing import Any

import torch
from torch.nn.functional import pad

from vad_worker.framing import FRAME
from vad_worker.weights import CONTEXT, HIDDEN, HOP, POSITIONS, Weights

_STRIDES = (1, 2, 2, 1)


class TorchNetwork:
    """The weights on a device; calling it advances legs by a frame."""

    def __init__(self, weights: Weights, device: str) -> None:
        def here(values: Any) -> Any:
            return torch.from_numpy(values).to(device)

        self._cosines, self._sines = here(weights.cosines), here(weights.sines)
        self._convolutions = [
            (here(each.taps), here(each.bias), stride)
            for each, stride in zip(weights.convolutions, _STRIDES, strict=True)
        ]
        self._gates, self._gate_bias = here(weights.gates), here(weights.gate_bias)
        self._projection = here(weights.projection)
        self._projection_bias = here(weights.projection_bias)

    def __call__(self, rows: Any, frames: Any) -> Any:
        """Advance rows [n, 320] in place by frames [n, 512]; return probabilities [n, 1]."""
        hidden, cells, context = rows.split([HIDDEN, HIDDEN, CONTEXT], dim=1)
        values = self._magnitudes(torch.cat((context, frames), dim=1))
        for taps, bias, stride in self._convolutions:
            values = _convolved(values, taps, bias, stride)
        joined = torch.cat((values.flatten(1), hidden), dim=1)
        gates = torch.addmm(self._gate_bias, joined, self._gates).tanh_()
        entering, kept, leaving = (
            gates[:, : 3 * HIDDEN].mul_(0.5).add_(0.5).split(HIDDEN, dim=1)  # sigmoids
        )
        cells.copy_(kept * cells + entering * gates[:, 3 * HIDDEN :])
        hidden.copy_(leaving * cells.tanh())
        context.copy_(frames[:, -CONTEXT:])
        logits = hidden.relu() @ self._projection + self._projection_bias
        return logits.sigmoid_()[:, None]

    def _magnitudes(self, heard: Any) -> Any:
        """Return the spectrum [n, 4, 129] of samples [n, 576]."""
        padded = pad(heard, (0, CONTEXT), mode="reflect")
        ahead = padded[:, 1 : 1 + FRAME].reshape(-1, POSITIONS, HOP)
        back = padded.view(-1, POSITIONS + 1, HOP)[:, 1:].flip(2)
        real = (ahead + back) @ self._cosines
        imaginary = (ahead - back) @ self._sines
        return (real.square_() + pad(imaginary.square_(), (1, 1))).sqrt_()


def _convolved(values: Any, taps: Any, bias: Any, stride: int) -> Any:
    """Convolve [n, positions, in] over positions, zeros beyond the edges, and clip at zero."""
    channels = values.shape[2]
    padded = pad(values, (0, 0, 1, 1)).flatten(1)
    windows = padded.unfold(1, 3 * channels, stride * channels)
    return (
        torch.addmm(bias, windows.reshape(-1, 3 * channels), taps)
        .relu_()
        .unflatten(0, windows.shape[:2])
    )
