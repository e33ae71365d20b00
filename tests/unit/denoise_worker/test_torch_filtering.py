"""A hop in torch against the same hop in numpy, with weights drawn by lot."""

import numpy as np
import pytest

from denoise_worker.alignment import HOP
from denoise_worker.filtering import Memories, advance
from denoise_worker.memory_layout import SIZE, fresh_row
from denoise_worker.network import Network
from denoise_worker.weights import Weights
from tests import recordable
from tests.unit.denoise_worker.drawing import operations

torch = pytest.importorskip("torch", reason="the backend needs PyTorch: make test-vllm has it")


@pytest.fixture(scope="module")
def weights():
    return Weights.of(*operations())


@pytest.mark.parametrize("legs", [2, 5])
def test_hops_and_memories_are_those_of_numpy(weights, legs):
    from denoise_worker.torch_filtering import TorchFilter

    rng = np.random.default_rng(legs)
    post_filter = np.arange(legs) % 2 > 0
    mine = np.tile(fresh_row(), (legs, 1))
    theirs = np.column_stack((mine, post_filter)).astype(np.float32)
    step, network = TorchFilter(weights, "cpu"), Network(weights)
    for _ in range(8):
        samples = rng.uniform(-0.5, 0.5, (legs, HOP)).astype(np.float32)
        want = advance(network, Memories(mine), samples, post_filter)
        with torch.inference_mode():
            got = step(torch.from_numpy(theirs), torch.from_numpy(samples)).numpy()
        np.testing.assert_allclose(got, want, atol=1e-5)
        np.testing.assert_allclose(theirs[:, :SIZE], mine, rtol=1e-3, atol=2e-4)
        np.testing.assert_array_equal(theirs[:, SIZE], post_filter)


def test_silence_stays_silence(weights):
    from denoise_worker.torch_filtering import OPTIONS, TorchFilter

    step = TorchFilter(weights, "cpu")
    rows = torch.from_numpy(np.pad(fresh_row(), (0, OPTIONS))[None].repeat(2, axis=0))
    rows[:, SIZE] = 1.0  # with the post filter
    with torch.inference_mode():
        for _ in range(5):
            assert not step(rows, torch.zeros(2, HOP)).any()
    assert rows.isfinite().all()


def test_a_step_can_be_recorded(weights):
    from denoise_worker.torch_filtering import OPTIONS, TorchFilter

    recordable.check(TorchFilter(weights, "meta"), (16, SIZE + OPTIONS), HOP)
