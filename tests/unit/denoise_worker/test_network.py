"""The network with weights drawn by lot: legs apart, memory in place."""

import numpy as np
import pytest

from denoise_worker.network import Memory, Network
from denoise_worker.weights import GAINS, PENDING, Weights
from tests.unit.denoise_worker.drawing import drawn, operations


@pytest.fixture(scope="module")
def weights():
    return operations()


@pytest.fixture(scope="module")
def network(weights):
    return Network(Weights.of(*weights))


def memory(legs):
    hidden = [np.zeros((legs, 256), np.float32) for _ in range(5)]
    pending = np.zeros((legs, *PENDING), np.float32)
    return Memory(hidden[0], (hidden[1], hidden[2]), (hidden[3], hidden[4]), pending)


def course(network, heard):
    """Gains and coefficients of every hop."""
    kept = memory(len(heard[0][0]))
    return [network.run(bands, bins, kept) for bands, bins in heard]


@pytest.fixture(scope="module")
def heard():
    """Features of six hops of three legs."""
    lot = np.random.default_rng(13)
    return [(drawn((3, 3, 32), lot), drawn((3, 3, 96, 2), lot)) for _ in range(6)]


def test_answers_have_their_shapes_and_ranges(network, heard):
    for gains, coefficients in course(network, heard):
        assert gains.shape == (3, GAINS.stop - GAINS.start)
        assert ((gains > 0) & (gains < 1)).all()
        assert coefficients.shape == (3, 96, 5)
        assert coefficients.dtype == np.complex64


def test_legs_do_not_touch_each_other(network, heard):
    wanted = course(network, heard)
    order = [2, 0]
    found = course(network, [(bands[order], bins[order]) for bands, bins in heard])
    for (gains, coefficients), (some_gains, some_coefficients) in zip(wanted, found, strict=True):
        np.testing.assert_allclose(some_gains, gains[order], atol=1e-5)
        np.testing.assert_allclose(some_coefficients, coefficients[order], atol=1e-5)


def test_a_hop_s_bins_reach_five_hops_of_coefficients(weights, heard):
    """Without the recurrent path, what is left is the convolution over time."""
    still = [dict(file) for file in weights]
    (out,) = weights[2]["/df_out/df_out.0/Einsum"]
    still[2]["/df_out/df_out.0/Einsum"] = [np.zeros_like(out)]
    mix, _ = weights[2]["/df_convp/df_convp.2/Conv"]
    still[2]["/df_convp/df_convp.2/Conv"] = [mix, np.full(10, 100, np.float32)]  # beyond ReLU
    network = Network(Weights.of(*still))
    other = [(bands, bins.copy()) for bands, bins in heard]
    other[0][1][:] += 1
    changed = [
        not np.allclose(a, b, atol=1e-4)
        for (_, a), (_, b) in zip(course(network, heard), course(network, other), strict=True)
    ]
    assert changed == [True] * 5 + [False]
