"""One hop of many legs through DeepFilterNet3 in torch: `denoise_worker.filtering` on a device.

Complex values are pairs in the last dimension, as a row has them. The transforms are products with
matrices, which are what `denoise_worker.spectrum` makes of unit vectors: a product needs no plan of
a library for Fourier transforms, and can be recorded for every batch size alike.

The value behind a leg's memory in its row is its option, which no checkpoint has: whether its post
filter is on.
"""

from typing import Any

import numpy as np
import torch

from denoise_worker import spectrum
from denoise_worker.alignment import HOP
from denoise_worker.memory_layout import LOOKAHEAD, SIZE, parts
from denoise_worker.torch_network import (
    TorchCoefficientDecoder,
    TorchEncoder,
    TorchGainDecoder,
)
from denoise_worker.weights import BINS, ORDER, Weights

OPTIONS = 1
"""float32 behind a leg's memory in its row."""

_KEPT, _SILENCE = float(spectrum.KEPT), float(spectrum.SILENCE)
_BETA = float(spectrum.BETA)


class TorchFilter:
    """The weights on a device; calling it advances legs by a hop."""

    def __init__(self, weights: Weights, device: str) -> None:
        def put(values: Any) -> Any:
            return torch.from_numpy(np.ascontiguousarray(values)).to(device)

        self._encoder = TorchEncoder(weights.encoder, put)
        self._gains = TorchGainDecoder(weights.gains, put)
        self._coefficients = TorchCoefficientDecoder(weights.coefficients, put)
        self._shares, self._upper_bands = put(spectrum.SHARES), put(spectrum.UPPER_BANDS)
        into = spectrum.analysis(np.eye(2 * HOP, dtype=np.float32))
        self._analysis = put(into.view(np.float32))
        units = np.eye(2 * spectrum.SPECTRUM, dtype=np.float32).view(np.complex64)
        self._synthesis = put(spectrum.synthesis(units))

    def __call__(self, rows: Any, samples: Any) -> Any:
        """Advance rows [n, SIZE + OPTIONS] in place by hops [n, 160]; return hops [n, 160]."""
        part = parts(rows)
        noisy = torch.cat((part["heard"], samples), dim=1) @ self._analysis
        noisy = noisy.view(-1, spectrum.SPECTRUM, 2)
        part["heard"].copy_(samples)
        bands, bins = self._features(part, noisy)
        found = self._encoder.run(bands, bins, part["encoder"])
        gains = self._gains.run(found, (part["gains_1"], part["gains_2"]))
        coefficients = self._coefficients.run(
            found, (part["coefficients_1"], part["coefficients_2"]), part["pending"]
        )
        lower = _shifted(part["lower"], noisy[:, :BINS])
        upper = _shifted(part["upper"], noisy[:, BINS:])
        before = torch.cat((lower[:, ORDER - 1 - LOOKAHEAD], upper[:, 0]), dim=1)
        filtered = _products(lower, coefficients.transpose(1, 2)).sum(dim=1)
        attenuated = upper[:, 0] * gains[:, self._upper_bands][..., None]
        enhanced = torch.cat((filtered, attenuated), dim=1)
        enhanced = _tuned(enhanced, before, rows[:, SIZE])
        frames = enhanced.flatten(1) @ self._synthesis
        answer = frames[:, :HOP] + part["overlap"]
        part["overlap"].copy_(frames[:, HOP:])
        return answer

    def _features(self, part: dict[str, Any], noisy: Any) -> tuple[Any, Any]:
        """Return the network's inputs: [n, 3, 32] and [n, 3, 96, 2], the last hop included."""
        power = noisy.square().sum(dim=2)
        levels = (power @ self._shares).add_(_SILENCE).log10_().mul_(10)
        levels = (levels - _followed(part["level_means"], levels)) / 40
        means = _followed(part["magnitude_means"], power[:, :BINS].sqrt())
        normalised = noisy[:, :BINS] / means.sqrt()[..., None]
        return _shifted(part["bands"], levels), _shifted(part["bins"], normalised)


def _followed(means: Any, values: Any) -> Any:
    """Move running means towards the values, in place; return them."""
    return means.mul_(_KEPT).add_(values, alpha=1 - _KEPT)


def _shifted(kept: Any, newest: Any) -> Any:
    """Return k kept hops and the newest, [n, k + 1, ...]; keep the last k of them."""
    all_of_them = torch.cat((kept, newest[:, None]), dim=1)
    kept.copy_(all_of_them[:, 1:])
    return all_of_them


def _products(one: Any, other: Any) -> Any:
    """Multiply complex values, pairs in the last dimension."""
    real, imaginary = one.unbind(-1)
    other_real, other_imaginary = other.unbind(-1)
    return torch.stack(
        (
            real * other_real - imaginary * other_imaginary,
            real * other_imaginary + imaginary * other_real,
        ),
        dim=-1,
    )


def _tuned(enhanced: Any, noisy: Any, post_filter: Any) -> Any:
    """Apply the legs' option, [n]: a step is computed for all legs alike."""
    gains = torch.hypot(*enhanced.unbind(-1)) / (torch.hypot(*noisy.unbind(-1)) + 1e-12)
    sines = torch.sin(gains.clamp_(1e-12, 1) * (np.pi / 2))
    stronger = (1 + _BETA) / (1 + _BETA / sines.square())
    # Not a number in place of the ones: it would come from the host in each step.
    chosen = torch.where(post_filter[:, None] > 0, stronger, torch.ones_like(stronger))
    return enhanced * chosen[..., None]
