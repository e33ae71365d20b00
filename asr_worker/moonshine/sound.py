"""What Moonshine makes of sound before its network: its first convolution, in numpy.

There is no spectrum: a convolution reads the samples, 127 of them every 4 ms. The next one, 7 of
its results wide in strides of 3, is laid out in windows, for the network to multiply.
"""

from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from asr_worker.moonshine.weights import WIDTH, Operands
from common.audio import FloatArray

POSITION = 384
"""Samples per position of the encoder, 24 ms."""
_READ, _STRIDE = 127, 64
_NEXT, _NEXT_STRIDE = 7, 3
_EPSILON = 1e-5

SHORTEST = 900
"""Samples that make one position."""


class Sound:
    """The first layers; immutable."""

    def __init__(self, kernel: FloatArray, gain: FloatArray, offset: FloatArray) -> None:
        self._kernel, self._gain, self._offset = kernel, gain, offset

    @classmethod
    def of(cls, encoder: Operands) -> Self:
        """Take the weights from the encoder's file; ValueError if these are not Moonshine's."""
        try:
            (kernel,), (gain,), (offset,) = (
                encoder[name] for name in ("/conv1/Conv", "/groupnorm/Mul", "/groupnorm/Add")
            )
            return cls(kernel.reshape(WIDTH, _READ), gain.reshape(WIDTH), offset.reshape(WIDTH))
        except (KeyError, ValueError) as error:
            raise ValueError(f"this is not Moonshine base: {error}") from error

    def windows(self, audio: FloatArray) -> FloatArray:
        """Return the network's input for float32 [n], at least `SHORTEST`: [1, 2912, windows]."""
        read = np.tanh(sliding_window_view(audio, _READ)[::_STRIDE] @ self._kernel.T)
        normal = (read - read.mean()) / np.sqrt(read.var() + _EPSILON)
        heard = (normal * self._gain + self._offset).astype(np.float32)
        laid = sliding_window_view(heard, _NEXT, axis=0)[::_NEXT_STRIDE].transpose(0, 2, 1)
        # The third convolution is 3 wide in strides of 2, with nothing left over.
        odd = (len(laid) - 1) // 2 * 2 + 1
        return np.ascontiguousarray(laid[:odd].reshape(1, odd, -1).transpose(0, 2, 1))
