"""The VAD network written plainly, in float64, with random weights: what backends must compute."""

import numpy as np

from vad_worker.weights import HIDDEN


def basis() -> np.ndarray:
    """Return the windowed Fourier basis [258, 256] as the official weights have it."""
    angles = 2 * np.pi / 256 * np.arange(129)[:, None] * np.arange(256)
    window = 0.5 - 0.5 * np.cos(2 * np.pi / 256 * np.arange(256))
    values: np.ndarray = window * np.concatenate((np.cos(angles), -np.sin(angles)))
    return values.astype(np.float32)


def tensors() -> dict[str, np.ndarray]:
    """Return random weights by their official names, and the official transform."""
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
