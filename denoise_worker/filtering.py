"""One hop of many legs through DeepFilterNet3 in numpy: samples in, samples out, memory in rows."""

from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from common.audio import FloatArray
from denoise_worker import spectrum
from denoise_worker.alignment import HOP
from denoise_worker.memory_layout import LOOKAHEAD, parts
from denoise_worker.network import Memory, Network
from denoise_worker.spectrum import ComplexArray
from denoise_worker.weights import BINS, ORDER

BoolArray: TypeAlias = npt.NDArray[np.bool_]
T = TypeVar("T", np.float32, np.complex64)

_LEVEL_SCALE = np.float32(1 / 40)


class Memories:
    """The memory of n legs by name, float32 [n, SIZE]; all parts are views of it."""

    def __init__(self, rows: FloatArray) -> None:
        self._parts: dict[str, FloatArray] = parts(rows)

    def __getitem__(self, name: str) -> FloatArray:
        return self._parts[name]

    def spectra(self, name: str) -> ComplexArray:
        """Return a part that holds complex values as [n, hops, bins]."""
        return self._parts[name].view(np.complex64)[..., 0]

    def network(self) -> Memory:
        """Return the network's part."""
        part = self._parts
        return Memory(
            part["encoder"],
            (part["gains_1"], part["gains_2"]),
            (part["coefficients_1"], part["coefficients_2"]),
            part["pending"],
        )


def advance(
    network: Network, memories: Memories, samples: FloatArray, filtered: BoolArray
) -> FloatArray:
    """Take the next hop [n, 160] of n >= 2 legs; return the hop three before it, denoised.

    `filtered` [n]: noise is attenuated further between the harmonics of noisy speech.
    """
    noisy = spectrum.analysis(np.concatenate((memories["heard"], samples), axis=1))
    memories["heard"][:] = samples
    bands, bins = _features(memories, noisy)
    gains, coefficients = network.run(bands, bins, memories.network())
    lower = _shifted(memories.spectra("lower"), noisy[:, :BINS])
    upper = _shifted(memories.spectra("upper"), noisy[:, BINS:])
    before = np.concatenate((lower[:, ORDER - 1 - LOOKAHEAD], upper[:, 0]), axis=1)
    enhanced = np.empty_like(before)
    np.multiply(lower[:, 0], coefficients[:, :, 0], out=enhanced[:, :BINS])
    for frame in range(1, ORDER):
        enhanced[:, :BINS] += lower[:, frame] * coefficients[:, :, frame]
    np.multiply(upper[:, 0], spectrum.upper_gains(gains), out=enhanced[:, BINS:])
    if filtered.any():
        chosen = enhanced[filtered]
        spectrum.post_filter(chosen, before[filtered])
        enhanced[filtered] = chosen
    frames = spectrum.synthesis(enhanced)
    answer = frames[:, :HOP] + memories["overlap"]
    memories["overlap"][:] = frames[:, HOP:]
    return answer


def _features(memories: Memories, noisy: ComplexArray) -> tuple[FloatArray, FloatArray]:
    """Return the network's inputs: [n, 3, 32] and [n, 3, 96, 2], the last hop included."""
    power = noisy.real**2 + noisy.imag**2
    levels = spectrum.levels(power)
    levels -= spectrum.follow(memories["level_means"], levels)
    levels *= _LEVEL_SCALE
    means = spectrum.follow(memories["magnitude_means"], np.sqrt(power[:, :BINS]))
    normalised = noisy[:, :BINS] / np.sqrt(means)
    parts = normalised.view(np.float32).reshape(-1, BINS, 2)
    return _shifted(memories["bands"], levels), _shifted(memories["bins"], parts)


def _shifted(kept: npt.NDArray[T], newest: npt.NDArray[T]) -> npt.NDArray[T]:
    """Return k kept hops and the newest, [n, k + 1, ...]; keep the last k of them."""
    all_of_them = np.concatenate((kept, newest[:, None]), axis=1)
    kept[:] = all_of_them[:, 1:]
    return all_of_them
