"""The network with weights drawn by lot: legs apart, memory in place, other files refused."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import pytest

from denoise_worker.network import GAINS, PENDING, Memory, Network

Shapes: TypeAlias = Mapping[str, Sequence[tuple[int, ...]]]

RNG = np.random.default_rng(11)
GRU = [(1, 768, 256), (1, 768, 256), (1, 1536)]
SEPARABLE = [(64, 1, 1, 3)], [(64, 64, 1, 1), (64,)]
ENCODER: Shapes = {
    "/erb_conv0/1/Conv": [(64, 1, 3, 3), (64,)],
    "/erb_conv1/0/Conv": SEPARABLE[0],
    "/erb_conv1/1/Conv": SEPARABLE[1],
    "/erb_conv2/Conv": SEPARABLE[0],
    "/erb_conv2/Conv_1": SEPARABLE[1],
    "/erb_conv3/0/Conv": SEPARABLE[0],
    "/erb_conv3/1/Conv": SEPARABLE[1],
    "/df_conv0/1/Conv": [(64, 1, 3, 3)],
    "/df_conv0/2/Conv": SEPARABLE[1],
    "/df_conv1/Conv": SEPARABLE[0],
    "/df_conv1/Conv_1": SEPARABLE[1],
    "/df_fc_emb/0/Einsum": [(32, 96, 16)],
    "/emb_gru/linear_in/0/Einsum": [(16, 32, 16)],
    "/emb_gru/GRU": GRU,
    "/emb_gru/linear_out/0/Einsum": [(16, 16, 32)],
}
SCALE = [(64, 1, 1, 1), (64,)]
GAIN_DECODER: Shapes = {
    "/emb_gru/linear_in/Einsum": [(16, 32, 16)],
    "/emb_gru/GRU": GRU,
    "/emb_gru/GRU_1": GRU,
    "/emb_gru/linear_out/Einsum": [(16, 16, 32)],
    "/conv3p/0/Conv": SCALE,
    "/conv2p/Conv": SCALE,
    "/conv1p/Conv": SCALE,
    "/conv0p/Conv": SCALE,
    "/convt3/Conv": SEPARABLE[0],
    "/convt3/Conv_1": SEPARABLE[1],
    "/convt2/0/ConvTranspose": SEPARABLE[0],
    "/convt2/1/Conv": SEPARABLE[1],
    "/convt1/ConvTranspose": SEPARABLE[0],
    "/convt1/Conv": SEPARABLE[1],
    "/conv0_out/0/Conv": [(1, 64, 1, 3), (1,)],
}
COEFFICIENT_DECODER: Shapes = {
    "/df_gru/linear_in/linear_in.0/Einsum": [(8, 64, 32)],
    "/df_gru/gru/GRU": GRU,
    "/df_gru/gru/GRU_1": GRU,
    "/df_skip/Einsum": [(16, 32, 16)],
    "/df_out/df_out.0/Einsum": [(16, 16, 60)],
    "/df_convp/df_convp.1/Conv": [(10, 32, 5, 1)],
    "/df_convp/df_convp.2/Conv": [(10, 10, 1, 1), (10,)],
}
FILES: Sequence[Shapes] = [ENCODER, GAIN_DECODER, COEFFICIENT_DECODER]


def drawn(shape):
    return (RNG.standard_normal(shape) / 8).astype(np.float32)


@pytest.fixture(scope="module")
def weights():
    return [{k: [drawn(s) for s in shapes] for k, shapes in file.items()} for file in FILES]


@pytest.fixture(scope="module")
def network(weights):
    return Network(*weights)


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
    return [(drawn((3, 3, 32)), drawn((3, 3, 96, 2))) for _ in range(6)]


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
    network = Network(*still)
    other = [(bands, bins.copy()) for bands, bins in heard]
    other[0][1][:] += 1
    changed = [
        not np.allclose(a, b, atol=1e-4)
        for (_, a), (_, b) in zip(course(network, heard), course(network, other), strict=True)
    ]
    assert changed == [True] * 5 + [False]


@pytest.mark.parametrize("file", range(3))
def test_a_file_without_an_operation_or_with_another_shape_is_refused(weights, file):
    for name in FILES[file]:
        broken = [dict(each) for each in weights]
        del broken[file][name]
        with pytest.raises(ValueError, match="missing"):
            Network(*broken)
    name = next(iter(FILES[file]))
    broken[file] = weights[file] | {name: [drawn((2, 3))]}
    with pytest.raises(ValueError, match=r"is \[\(2, 3\)\], not"):
        Network(*broken)
