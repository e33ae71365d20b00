"""The network with random weights against the same network written plainly, in float64."""

import numpy as np
import pytest

from tests.unit.vad_worker.plain import plain_features, plain_step, tensors
from vad_worker.framing import FRAME
from vad_worker.network import BLOCK, Network, sigmoid
from vad_worker.weights import CONTEXT, HIDDEN, Weights


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    return tensors()


@pytest.mark.parametrize("count", [1, 3, BLOCK])
def test_features_are_those_of_the_plain_network(weights, count):
    samples = np.random.default_rng(count).uniform(-1, 1, (count, CONTEXT + FRAME))
    heard = samples.astype(np.float32)
    network, got = Network(Weights.of(weights)), np.empty((count, HIDDEN), np.float32)
    for _ in range(2):  # the second time over what the first left in the scratch arrays
        network.features(heard[:, :CONTEXT], heard[:, CONTEXT:], got)
        want = plain_features(weights, heard)
        np.testing.assert_allclose(got, want, atol=2e-5 * want.max())


@pytest.mark.parametrize("count", [1, 3, BLOCK])
def test_a_step_is_that_of_the_plain_network(weights, count):
    rng = np.random.default_rng(count)
    network = Network(Weights.of(weights))
    joined = rng.standard_normal((count, 2 * HIDDEN)).astype(np.float32)
    cells = rng.standard_normal((count, HIDDEN)).astype(np.float32)
    for _ in range(5):
        x, hidden = joined[:, :HIDDEN].copy(), joined[:, HIDDEN:].copy()
        want, want_hidden, want_cells = plain_step(weights, x, hidden, cells)
        got = network.step(joined, cells)
        np.testing.assert_allclose(got, want, atol=1e-6)
        np.testing.assert_allclose(joined[:, HIDDEN:], want_hidden, atol=1e-5)
        np.testing.assert_allclose(cells, want_cells, atol=1e-5)
        np.testing.assert_array_equal(joined[:, :HIDDEN], x)


def test_the_sigmoid_neither_overflows_nor_leaves_its_range():
    values = sigmoid(np.array([-1e30, -100, -2, 0, 2, 100, 1e30], np.float32))
    np.testing.assert_allclose(values, [0, 0, 0.11920292, 0.5, 0.880797, 1, 1], atol=1e-7)
