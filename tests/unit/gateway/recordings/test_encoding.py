"""Files of audio have the samples that were added, each at its place."""

import tempfile
from typing import IO

import av
import numpy as np
import pytest

from gateway.recordings.encoding import Encoder

NOISE = np.random.default_rng(1).integers(-20_000, 20_000, 40_001, np.int16)


def decoded(file: IO[bytes]) -> np.ndarray:
    """Return the samples of a file, a column for each channel."""
    file.seek(0)
    with av.open(file, "r") as container:
        frames = list(container.decode(audio=0))
    channels = frames[0].layout.nb_channels
    planar = frames[0].format.is_planar
    pieces = [each.to_ndarray() for each in frames]
    return np.concatenate([piece.T if planar else piece.reshape(-1, channels) for piece in pieces])


@pytest.mark.parametrize("form", ["wav", "flac"])
def test_what_loses_nothing_has_every_sample(form):
    with tempfile.TemporaryFile() as file:
        encoder = Encoder(file, form, 2)
        for piece in np.split(NOISE, [7, 16_000]):
            encoder.add([piece.tobytes(), piece[::-1].tobytes()])
        encoder.add([b"", b""])
        encoder.close()
        heard = decoded(file)
    other = np.concatenate([piece[::-1] for piece in np.split(NOISE, [7, 16_000])])
    assert np.array_equal(heard, np.stack([NOISE, other], axis=1))


def test_opus_is_as_long_and_in_step():
    tone = (8_000 * np.sin(np.arange(32_000) / 16_000 * 2 * np.pi * 440)).astype(np.int16)
    tone[:16_000] = 0
    with tempfile.TemporaryFile() as file:
        encoder = Encoder(file, "opus", 1)
        encoder.add([tone.tobytes()])
        encoder.close()
        heard = decoded(file)[:, 0]
    assert heard.shape[0] == pytest.approx(3 * 32_000, abs=960)  # Opus decodes to 48 kHz
    loud = np.abs(heard) > 0.5 * np.abs(heard).max()
    assert np.argmax(loud) == pytest.approx(48_000, abs=480)
