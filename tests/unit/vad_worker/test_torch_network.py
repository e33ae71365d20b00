"""The network in torch against the same network written plainly, in float64."""

import numpy as np
import pytest

from tests import recordable
from tests.unit.vad_worker.plain import plain_features, plain_step, tensors
from vad_worker.framing import FRAME
from vad_worker.weights import CONTEXT, HIDDEN, VALUES, Weights

torch = pytest.importorskip("torch", reason="the backend needs PyTorch: make test-vllm has it")


@pytest.mark.parametrize("count", [1, 3, 40])
def test_steps_are_those_of_the_plain_network(count):
    from vad_worker.torch_network import TorchNetwork

    weights = tensors()
    rng = np.random.default_rng(count)
    network = TorchNetwork(Weights.of(weights), "cpu")
    rows = rng.uniform(-1, 1, (count, VALUES)).astype(np.float32)
    hidden, cells = rows[:, :HIDDEN].copy(), rows[:, HIDDEN : 2 * HIDDEN].copy()
    context = rows[:, 2 * HIDDEN :].copy()
    for _ in range(5):
        frames = rng.uniform(-1, 1, (count, FRAME)).astype(np.float32)
        with torch.inference_mode():
            (got,) = network(torch.from_numpy(rows), torch.from_numpy(frames)).numpy().T
        features = plain_features(weights, np.concatenate((context, frames), axis=1))
        want, hidden, cells = plain_step(weights, features, hidden, cells)
        context = frames[:, -CONTEXT:]
        np.testing.assert_allclose(got, want, atol=1e-5)
        np.testing.assert_allclose(rows, np.hstack((hidden, cells, context)), atol=1e-4)


def test_a_step_can_be_recorded():
    from vad_worker.torch_network import TorchNetwork

    network = TorchNetwork(Weights.of(tensors()), "meta")
    recordable.check(network, (16, VALUES), FRAME)
