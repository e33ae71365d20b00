"""The layers against their definitions, written out."""

import numpy as np
import pytest

from denoise_worker.layers import Depthwise, Gru, Pointwise, Scaled, grouped, sigmoid_of_double


@pytest.fixture
def noise():
    generator = np.random.default_rng(5)
    return lambda *shape: generator.standard_normal(shape, dtype=np.float32)


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.fixture
def taps(noise):
    return noise(3, 4)


def convolved(values, taps):
    """Three taps along the bands, zeros beyond the edges."""
    padded = np.pad(values, ((0, 0), (1, 1), (0, 0)))
    return sum(padded[:, tap : tap + values.shape[1]] * taps[tap] for tap in range(3))


def test_same_is_a_convolution(taps, noise):
    values = noise(2, 6, 4)
    close(Depthwise(taps).same(values), convolved(values, taps))


def test_halved_is_a_convolution_of_stride_two(taps, noise):
    values = noise(2, 6, 4)
    close(Depthwise(taps).halved(values), convolved(values, taps)[:, ::2])


def test_doubled_is_the_transpose_of_halved(taps, noise):
    layer, few, many = Depthwise(taps), noise(1, 3, 4), noise(1, 6, 4)
    close((layer.doubled(few) * many).sum(), (few * layer.halved(many)).sum())


def test_grouped_is_a_linear_layer_per_group(noise):
    values, weights = noise(5, 6), noise(3, 2, 4)
    close(
        grouped(values, weights),
        np.einsum("ngi,gio->ngo", values.reshape(5, 3, 2), weights).reshape(5, 12),
    )


def test_pointwise_and_scaled_end_in_relu(noise):
    values, weights, bias = noise(2, 3, 64), noise(64, 64), noise(64)
    close(Pointwise(weights, bias)(values), np.maximum(values @ weights + bias, 0))
    close(Scaled(weights[0], bias)(values), np.maximum(values * weights[0] + bias, 0))


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def test_sigmoid_of_double(noise):
    values = noise(20)
    close(sigmoid_of_double(values.copy()), sigmoid(2 * values))


def test_gru_is_onnx_s_with_the_reset_after_the_product(noise):
    given, hidden, bias = noise(768, 256) / 16, noise(768, 256) / 16, noise(1536)
    values, state = noise(3, 256), noise(3, 256)
    x = np.split(values @ given.T + bias[:768], 3, axis=1)
    h = np.split(state @ hidden.T + bias[768:], 3, axis=1)
    update, reset = sigmoid(x[0] + h[0]), sigmoid(x[1] + h[1])
    wanted = (1 - update) * np.tanh(x[2] + reset * h[2]) + update * state
    rows = np.concatenate((state, noise(3, 10)), axis=1)
    returned = Gru(given, hidden, bias).step(values, rows[:, :256])
    close(rows[:, :256], wanted)
    np.testing.assert_array_equal(returned, rows[:, :256])
