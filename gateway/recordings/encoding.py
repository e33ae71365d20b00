"""PCM into a file of audio. Blocking: for a thread."""

from collections.abc import Mapping, Sequence
from typing import IO, Any, Literal, NamedTuple, TypeAlias

import av
import numpy as np

from common.audio import SAMPLE_RATE

Format: TypeAlias = Literal["flac", "wav", "opus"]


class _Coding(NamedTuple):
    container: str
    codec: str
    rate: int | None = None
    """Bits per second of each channel, where the codec loses something."""


_CODINGS: Mapping[Format, _Coding] = {
    "wav": _Coding("wav", "pcm_s16le"),
    "flac": _Coding("flac", "flac"),
    "opus": _Coding("ogg", "libopus", 32_000),
}


class Encoder:
    """Writes audio at 16 kHz with one or two channels to an open file, which has to be seekable."""

    def __init__(self, file: IO[bytes], form: Format, channels: int) -> None:
        coding = _CODINGS[form]
        self._layout = "mono" if channels == 1 else "stereo"
        self._container = av.open(file, "w", format=coding.container)
        add: Any = self._container.add_stream
        lossy = {} if coding.rate is None else {"bit_rate": coding.rate * channels}
        self._stream = add(coding.codec, rate=SAMPLE_RATE, layout=self._layout, **lossy)
        self._position = 0

    def add(self, legs: Sequence[bytes]) -> None:
        """Append PCM16LE of each channel, of one length."""
        interleaved = np.stack([np.frombuffer(pcm, "<i2") for pcm in legs], axis=1)
        if not len(interleaved):
            return
        frame = av.AudioFrame.from_ndarray(interleaved.reshape(1, -1), "s16", self._layout)
        frame.sample_rate = SAMPLE_RATE
        frame.pts = self._position
        self._position += len(interleaved)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file, which stays open."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
