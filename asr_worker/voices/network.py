"""The voice encoder's network: from mel spectra of some seconds to one vector of a voice."""

import numpy as np

from asr_worker.voices.weights import HIDDEN, Layer, Weights
from common.audio import FloatArray


def embeddings(weights: Weights, spectra: FloatArray) -> FloatArray:
    """Return vectors [b, 256] of length 1, without negative values, for spectra [b, t, 40]."""
    values = np.ascontiguousarray(spectra.transpose(1, 0, 2))
    for layer in weights.layers:
        values = _run(layer, values)
    raw = np.maximum(values[-1] @ weights.projection + weights.projection_bias, 0)
    lengths = np.sqrt((raw**2).sum(1, keepdims=True))
    scaled: FloatArray = raw / np.maximum(lengths, np.float32(1e-9))
    return scaled


def _run(layer: Layer, values: FloatArray) -> FloatArray:
    """Return a layer's hidden states [t, b, 256] for its inputs [t, b, in]."""
    steps, rows, size = values.shape
    given = (values.reshape(-1, size) @ layer.given + layer.bias).reshape(steps, rows, -1)
    hidden = np.zeros((rows, HIDDEN), np.float32)
    cell = np.zeros_like(hidden)
    states = np.empty((steps, rows, HIDDEN), np.float32)
    for step in range(steps):
        gates = np.tanh(given[step] + hidden @ layer.hidden).reshape(rows, 4, HIDDEN)
        opened = (gates[:, (0, 1, 3)] + 1) * np.float32(0.5)
        cell = opened[:, 1] * cell + opened[:, 0] * gates[:, 2]
        hidden = states[step] = opened[:, 2] * np.tanh(cell)
    return states
