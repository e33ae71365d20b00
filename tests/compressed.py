"""Real compressed streams, as clients send them: written by FFmpeg's encoders."""

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream


class _Sink(io.RawIOBase):
    """A file that cannot seek, as a live encoder's."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self.written += piece
        return len(piece)


@dataclass(frozen=True, slots=True)
class Encoder:
    """A container, what is in it, at which rate, and how it is written."""

    container: str
    codec: str
    rate: int
    options: Mapping[str, str] = field(default_factory=dict)


ENCODERS: Mapping[str, Encoder] = {
    "webm": Encoder("webm", "libopus", 48_000, {"live": "1", "cluster_time_limit": "250"}),
    "ogg": Encoder("ogg", "libopus", 48_000, {"page_duration": "20000"}),
    "vorbis": Encoder("ogg", "libvorbis", 48_000),
    "speex": Encoder("ogg", "libspeex", 16_000),
    "flac": Encoder("flac", "flac", 16_000),
    "mp3": Encoder("mp3", "libmp3lame", 16_000),
    "aac": Encoder("adts", "aac", 16_000),
    "mp4": Encoder(
        "mp4", "aac", 48_000, {"movflags": "empty_moov+default_base_moof+frag_every_frame"}
    ),
    "amr-nb": Encoder("amr", "libopencore_amrnb", 8_000),
}


def encoded(name: str, samples: npt.NDArray[np.int16]) -> bytes:
    """Return samples, [n, channels] at the encoder's rate, as a stream."""
    how, sink = ENCODERS[name], _Sink()
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    with av.open(sink, "w", format=how.container, options=dict(how.options)) as container:
        stream = container.add_stream(how.codec, rate=how.rate)
        assert isinstance(stream, AudioStream)
        stream.layout = layout
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate, frame.pts = how.rate, 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return bytes(sink.written)


def opus_packets(samples: npt.NDArray[np.int16]) -> list[bytes]:
    """Return samples, [n, 1] at 48 kHz, as packets of Opus without a container."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    encoder.open()
    found: list[bytes] = []
    size = encoder.frame_size or 960
    for at in range(0, len(samples) - size + 1, size):
        piece = np.ascontiguousarray(samples[at : at + size].reshape(1, -1))
        frame = AudioFrame.from_ndarray(piece, format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48_000, at
        found += map(bytes, encoder.encode(frame))
    return found


def wav(samples: npt.NDArray[np.int16], rate: int, width: int) -> bytes:
    """Return samples as a stream of WAV, of a size that is not known, with `width` bits each."""
    scaled = {
        8: lambda: (samples // 256 + 128).astype(np.uint8).tobytes(),
        16: samples.tobytes,
        24: lambda: (samples.astype("<i4") << 8).reshape(-1, 1).view(np.uint8)[:, :3].tobytes(),
        32: lambda: (samples.astype("<i4") << 16).tobytes(),
    }[width]()
    channels = samples.shape[1]
    frame = channels * width // 8
    fmt = struct.pack("<HHIIHH", 1, channels, rate, rate * frame, frame, width)
    unknown = b"\xff\xff\xff\xff"
    head = b"RIFF" + unknown + b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt
    return head + b"LIST\x03\x00\x00\x00abc\x00data" + unknown + scaled
