"""The weights of Resemblyzer's voice encoder, and the centre of what it makes of voices.

The network of https://github.com/resemble-ai/Resemblyzer (`voice_encoder.py`), trained to tell
speakers apart (Wan et al. 2018, https://arxiv.org/abs/1710.10467): three LSTM layers over 40 mel
bands, and a linear layer with ReLU over the last hidden state.

The weights come from the `resemblyzer` wheel (requirements-no-deps.txt); the package is not
imported, because it needs torch. Its file is of torch's old format: pickles, then the storages one
behind the other. Only one file is accepted, by its digest. So it is known where in it the tensors
are, and nothing is unpickled, which would run what a pickle says.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from common.audio import FloatArray
from common.errors import SettingsError
from common.installed import data_file

MELS = 40
HIDDEN = 256
LAYERS = 3
CURE = "pip install --no-deps 'resemblyzer==0.1.4'"

_SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
_LSTM = 269_883
"""Offset in bytes: input and hidden weights layer by layer, then both biases layer by layer."""
_LINEAR = 7_731
_LINEAR_BIAS = 6_699
_GATES = 4 * HIDDEN


class Layer(NamedTuple):
    """An LSTM layer; the gates are input, forget, candidate, output.

    The weights of the sigmoid gates are halved: since sigmoid(x) = tanh(x / 2) / 2 + 1 / 2, one
    tanh computes all four.
    """

    given: FloatArray
    """[in, 1024]"""
    hidden: FloatArray
    """[256, 1024]"""
    bias: FloatArray
    """[1024]"""


@dataclass(frozen=True)
class Weights:
    """The network's weights, float32, laid out for products of rows with them."""

    layers: tuple[Layer, ...]
    projection: FloatArray
    """[256, 256]"""
    projection_bias: FloatArray
    """[256]"""
    centre: FloatArray
    """[256]: the mean embedding of eleven people, `python -m bench speakers --centre`."""

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read the encoder's file; ValueError for any other."""
        if (found := sha256(data).hexdigest()) != _SHA256:
            raise ValueError(f"its SHA-256 is {found}, not {_SHA256}")
        return cls(
            _layers(data),
            _tensor(data, _LINEAR, HIDDEN, HIDDEN).T.copy(),
            _tensor(data, _LINEAR_BIAS, HIDDEN),
            np.array(json.loads(CENTRE.read_text()), np.float32),
        )


CENTRE = Path(__file__).with_name("centre.json")


def installed() -> Weights | None:
    """Return the weights in the wheel; None if it is missing, SettingsError for unknown ones."""
    path = data_file("resemblyzer", "pretrained.pt")
    if path is None:
        return None
    try:
        return Weights.read(path.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} is not the voice encoder ({CURE}): {error}") from error


def _layers(data: bytes) -> tuple[Layer, ...]:
    scale = np.full(_GATES, 0.5, np.float32)
    scale[2 * HIDDEN : 3 * HIDDEN] = 1.0
    sizes = [MELS, *[HIDDEN] * (LAYERS - 1)]
    at, given, hidden = _LSTM, [], []
    for size in sizes:
        given.append(_tensor(data, at, _GATES, size))
        hidden.append(_tensor(data, at + given[-1].nbytes, _GATES, HIDDEN))
        at += given[-1].nbytes + hidden[-1].nbytes
    biases = _tensor(data, at, LAYERS, 2, _GATES).sum(1)
    return tuple(
        Layer((scale * one.T).copy(), (scale * other.T).copy(), scale * bias)
        for one, other, bias in zip(given, hidden, biases, strict=True)
    )


def _tensor(data: bytes, offset: int, *shape: int) -> FloatArray:
    count = int(np.prod(shape))
    return np.frombuffer(data, "<f4", count, offset).reshape(shape).astype(np.float32)
