"""The network with random weights against the same network written plainly, in float64."""

import numpy as np
import pytest

from vad_worker.framing import FRAME
from vad_worker.network import BLOCK, CONTEXT, HIDDEN, Network, folded, gates, sigmoid, taps


def basis() -> np.ndarray:
    """Return the windowed Fourier basis [258, 256] as the official weights have it."""
    angles = 2 * np.pi / 256 * np.arange(129)[:, None] * np.arange(256)
    window = 0.5 - 0.5 * np.cos(2 * np.pi / 256 * np.arange(256))
    values: np.ndarray = window * np.concatenate((np.cos(angles), -np.sin(angles)))
    return values.astype(np.float32)


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {}
    shapes |= {"decoder.rnn.weight_ih": (512, 128), "decoder.rnn.weight_hh": (512, 128)}
    shapes |= {"decoder.rnn.bias_ih": (512,), "decoder.rnn.bias_hh": (512,)}
    shapes |= {"decoder.decoder.2.weight": (1, 128, 1), "decoder.decoder.2.bias": (1,)}
    for layer, (inputs, outputs) in enumerate(((129, 128), (128, 64), (64, 64), (64, 128))):
        shapes[f"encoder.{layer}.reparam_conv.weight"] = (outputs, inputs, 3)
        shapes[f"encoder.{layer}.reparam_conv.bias"] = (outputs,)
    made = {
        name: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        for name, shape in shapes.items()
    }
    return made | {"stft.forward_basis_buffer": basis()[:, None]}


def convolution(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    """Convolve [n, in, positions], padded by one zero on each side, and clip at zero."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    places = range(0, padded.shape[2] - 2, stride)
    outputs = [np.einsum("nik,oik->no", padded[:, :, at : at + 3], weight) + bias for at in places]
    clipped: np.ndarray = np.maximum(np.stack(outputs, axis=2), 0)
    return clipped


def plain_features(weights: dict[str, np.ndarray], heard: np.ndarray) -> np.ndarray:
    padded = np.pad(heard.astype(np.float64), ((0, 0), (0, 64)), mode="reflect")
    windows = np.stack([padded[:, at : at + 256] for at in (0, 128, 256, 384)], axis=1)
    spectrum = windows @ weights["stft.forward_basis_buffer"][:, 0].T.astype(np.float64)
    x = np.hypot(spectrum[:, :, :129], spectrum[:, :, 129:]).transpose(0, 2, 1)
    for layer, stride in enumerate((1, 2, 2, 1)):
        name = f"encoder.{layer}.reparam_conv"
        x = convolution(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride)
    assert x.shape[1:] == (HIDDEN, 1)
    return x[:, :, 0]


def plain_step(
    weights: dict[str, np.ndarray], x: np.ndarray, hidden: np.ndarray, cells: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rnn = {name.removeprefix("decoder.rnn."): values for name, values in weights.items()}
    sums = x.astype(np.float64) @ rnn["weight_ih"].T + rnn["bias_ih"]
    sums += hidden.astype(np.float64) @ rnn["weight_hh"].T + rnn["bias_hh"]
    entering, kept, candidate, leaving = np.split(sums, 4, axis=1)
    cells = cells / (1 + np.exp(-kept)) + np.tanh(candidate) / (1 + np.exp(-entering))
    hidden = np.tanh(cells) / (1 + np.exp(-leaving))
    logits = np.maximum(hidden, 0) @ weights["decoder.decoder.2.weight"][0, :, 0]
    return 1 / (1 + np.exp(-logits - weights["decoder.decoder.2.bias"])), hidden, cells


@pytest.mark.parametrize("count", [1, 3, BLOCK])
def test_features_are_those_of_the_plain_network(weights, count):
    samples = np.random.default_rng(count).uniform(-1, 1, (count, CONTEXT + FRAME))
    heard = samples.astype(np.float32)
    network, got = Network(weights), np.empty((count, HIDDEN), np.float32)
    for _ in range(2):  # the second time over what the first left in the scratch arrays
        network.features(heard[:, :CONTEXT], heard[:, CONTEXT:], got)
        want = plain_features(weights, heard)
        np.testing.assert_allclose(got, want, atol=2e-5 * want.max())


@pytest.mark.parametrize("count", [1, 3, BLOCK])
def test_a_step_is_that_of_the_plain_network(weights, count):
    rng = np.random.default_rng(count)
    network = Network(weights)
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
            Network(rest | other)


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


def test_the_sigmoid_neither_overflows_nor_leaves_its_range():
    values = sigmoid(np.array([-1e30, -100, -2, 0, 2, 100, 1e30], np.float32))
    np.testing.assert_allclose(values, [0, 0, 0.11920292, 0.5, 0.880797, 1, 1], atol=1e-7)
