"""Files of audio, in memory."""

import io
from typing import cast

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]


class Growing(io.RawIOBase):
    """A file without seeking, so that a container's head cannot say how long it is."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.data += bytes(data)
        return len(data)


def tones(rate: int, *frequencies: int, seconds: float = 2.0) -> Samples:
    """A tone for each channel, int16 [n, channels]."""
    times = np.arange(round(rate * seconds)) / rate
    channels = [8_000 * np.sin(2 * np.pi * each * times) for each in frequencies]
    return np.stack(channels, 1).astype(np.int16)


def file(
    samples: Samples, rate: int, container: str, codec: str, *, seekable: bool = True
) -> bytes:
    """Encode samples, int16 [n, channels]."""
    whole, growing = io.BytesIO(), Growing()
    layout = ("mono", "stereo")[samples.shape[1] - 1]
    with av.open(whole if seekable else growing, "w", format=container) as out:
        stream = cast(av.AudioStream, out.add_stream(codec, rate=rate, layout=layout))
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        frame.pts = 0
        size = stream.codec_context.frame_size or 1024
        fit = av.AudioResampler(stream.format.name, layout, rate, frame_size=size)
        for each in [*fit.resample(frame), *fit.resample(None)]:
            out.mux(stream.encode(each))
        out.mux(stream.encode(None))
    return bytes(growing.data) or whole.getvalue()
