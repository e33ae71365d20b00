"""The weights' layout, and what is refused."""

import numpy as np
import pytest

from tests.unit.vad_worker.plain import basis, tensors
from vad_worker.weights import HIDDEN, Weights, folded, gates, taps


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    return tensors()


def test_the_spectrum_of_folded_samples_is_that_of_all():
    samples = np.random.default_rng(0).uniform(-1, 1, (20, 256)).astype(np.float32)
    cosines, sines = folded(basis())
    ahead, back = samples[:, 1:129], samples[:, :127:-1]
    want = samples @ basis().T
    np.testing.assert_allclose((ahead + back) @ cosines, want[:, :129], atol=1e-4)
    np.testing.assert_allclose((ahead - back) @ sines, want[:, 130:-1], atol=1e-4)


@pytest.mark.parametrize(("row", "column"), [(3, 7), (140, 7), (3, 0), (129, 5), (257, 5)])
def test_a_basis_that_cannot_be_folded_is_refused(row, column):
    other = basis()
    other[row, column] += 0.01
    with pytest.raises(ValueError, match="symmetric"):
        folded(other)


def test_a_tensor_that_is_missing_or_of_another_shape_is_named(weights):
    name = "encoder.1.reparam_conv.bias"
    for other in ({}, {name: weights[name][:-1]}):
        rest = {key: values for key, values in weights.items() if key != name}
        with pytest.raises(ValueError, match=r"encoder\.1\.reparam_conv\.bias \[64\]"):
            Weights.of(rest | other)


def test_taps_and_gates_are_laid_out_for_row_major_products(weights):
    weight = weights["encoder.0.reparam_conv.weight"]
    rows = taps(weight)
    assert rows.flags.c_contiguous
    assert rows.shape == (3 * 129, 128)
    np.testing.assert_array_equal(rows[129 + 5], weight[:, 5, 1])
    joined, bias = gates(weights)
    assert joined.flags.c_contiguous
    assert (joined.shape, bias.shape) == ((2 * HIDDEN, 4 * HIDDEN), (4 * HIDDEN,))
    np.testing.assert_array_equal(joined[:HIDDEN, 0], weights["decoder.rnn.weight_ih"][0] / 2)
    np.testing.assert_array_equal(joined[HIDDEN:, -1], weights["decoder.rnn.weight_hh"][383])
