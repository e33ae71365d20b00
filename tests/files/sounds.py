"""Speech, encoded as recorders, players and broken programs leave it in files."""

import io
import struct
from collections.abc import Mapping, Sequence
from functools import cache
from typing import cast

import av
import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from av.container import OutputContainer

from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16
from tests.integration.protocols.speech import conversation
from tests.unit.gateway.files.recordings import Growing

Frames = npt.NDArray[np.int16]
"""Samples, [n, channels]."""
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
"""Tags of formats (RFC 2361)."""
_OGG_HEAD = 27
"""Bytes of a page before the sizes of its parts (RFC 3533, 6)."""


@cache
def speech(rate: int = SAMPLE_RATE, channels: int = 1) -> FloatArray:
    """Return what is said in every file, float32 [n, channels]: two sentences, a pause between."""
    audio = conversation(channels)
    if rate == SAMPLE_RATE:
        return audio
    return np.asarray(soxr.resample(audio, SAMPLE_RATE, rate), np.float32)


def frames(audio: FloatArray) -> Frames:
    """Return audio as 16 bits."""
    return np.frombuffer(float_to_pcm16(audio.ravel()), "<i2").reshape(audio.shape)


# --- WAV, byte by byte ---


def chunk(name: bytes, body: bytes, *, order: str = "<", size: int | None = None) -> bytes:
    """Return a chunk, padded to an even length; `size` is what its header says instead."""
    said = len(body) if size is None else size
    return name + struct.pack(f"{order}I", said) + body + bytes(len(body) % 2)


def header(rate: int, channels: int, width: int, tag: int = _PCM, order: str = "<") -> bytes:
    """Return the chunk that says what samples are; `width` in bytes."""
    facts = channels, rate, rate * channels * width, channels * width, 8 * width
    body = struct.pack(f"{order}HHIIHH", tag, *facts)
    if tag == _EXTENSIBLE:
        guid = struct.pack("<H", _PCM) + bytes.fromhex("000000001000800000aa00389b71")
        body += struct.pack("<HHI", 22, 8 * width, 4) + guid
    return chunk(b"fmt ", body, order=order)


def riff(*chunks: bytes, name: bytes = b"RIFF", size: int | None = None) -> bytes:
    """Return a file of chunks; `size` is what its header says instead."""
    body = b"WAVE" + b"".join(chunks)
    order = ">" if name == b"RIFX" else "<"
    return name + struct.pack(f"{order}I", len(body) if size is None else size) + body


def integers(audio: FloatArray, width: int, *, big: bool = False) -> bytes:
    """Return audio as integers of `width` bytes; those of one byte have no sign."""
    if width == 1:
        return bytes((frames(audio) // 256 + 128).astype(np.uint8).tobytes())
    samples = frames(audio).astype("<i4") << 16
    kept = samples.reshape(-1, 1).view(np.uint8)[:, 4 - width :]
    return bytes((kept[:, ::-1] if big else kept).tobytes())


def wav(width: int = 2, rate: int = SAMPLE_RATE, channels: int = 1, tag: int = _PCM) -> bytes:
    """Return an ordinary file of integers."""
    samples = chunk(b"data", integers(speech(rate, channels), width))
    return riff(header(rate, channels, width, tag), samples)


def rifx(width: int) -> bytes:
    """Return the same with the bytes of each number the other way round."""
    samples = chunk(b"data", integers(speech(), width, big=True), order=">")
    return riff(header(SAMPLE_RATE, 1, width, order=">"), samples, name=b"RIFX")


def floats(kind: str, gain: float = 1.0, *, broken_at: float | None = None) -> bytes:
    """Return a file of floats; the sample at `broken_at` s is not a number."""
    samples = (speech() * np.float32(gain)).astype(kind)
    if broken_at is not None:
        samples[round(broken_at * SAMPLE_RATE)] = np.nan
    width = samples.itemsize
    return riff(header(SAMPLE_RATE, 1, width, _FLOAT), chunk(b"data", samples.tobytes()))


def parts(*, padded: bool = True, halves: bool = False, size: int | None = None) -> bytes:
    """Return a file with an odd chunk before the samples, `padded` or not, and the samples in one
    chunk or two `halves`, or in one whose header says `size`."""
    odd = chunk(b"LIST", b"INFOISFT" + struct.pack("<I", 5) + b"call\0")
    samples = integers(speech(), 2)
    middle = len(samples) // 4 * 2
    pieces = [samples[:middle], samples[middle:]] if halves else [samples]
    data = [chunk(b"data", piece, size=size) for piece in pieces]
    return riff(header(SAMPLE_RATE, 1, 2), odd if padded else odd[:-1], *data, size=size)


def inverted() -> bytes:
    """Return two channels that are each other's opposite."""
    one = speech()
    both = np.concatenate([one, -one], axis=1)
    return riff(header(SAMPLE_RATE, 2, 2), chunk(b"data", integers(both, 2)))


def written(container: str, subtype: str, rate: int = SAMPLE_RATE, channels: int = 1) -> bytes:
    """Return a file as libsndfile writes it."""
    file = io.BytesIO()
    soundfile.write(file, speech(rate, channels), rate, format=container, subtype=subtype)
    return file.getvalue()


# --- what FFmpeg writes ---


def encoded(
    container: str,
    codec: str,
    rate: int,
    channels: int = 1,
    *,
    options: Mapping[str, str] = {},
    holes: Sequence[tuple[float, float]] = (),
    film: bool = False,
    live: bool = False,
) -> bytes:
    """Return a file as FFmpeg writes it; with `live` as a recorder that cannot go back.

    From each of `holes` on, in s, all is so many seconds later. With `film` there are pictures,
    which begin at 0, whatever the sound does.
    """
    whole, stream = io.BytesIO(), Growing()
    layout = ("mono", "stereo")[channels - 1]
    settings = dict(options) if container in ("mp4", "ipod") else {}
    with av.open(stream if live else whole, "w", format=container, options=settings) as out:
        sound = cast(av.AudioStream, out.add_stream(codec, rate=rate, layout=layout))
        sound.options = {} if settings else dict(options)
        if film:
            _draw(out)
        size = sound.codec_context.frame_size or rate // 50
        fit = av.AudioResampler(sound.format.name, layout, rate, frame_size=size)
        samples = frames(speech(rate, channels)).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.sample_rate, frame.pts = rate, 0
        for each in [*fit.resample(frame), *fit.resample(None), None]:
            for packet in sound.encode(each):
                _shift(packet, holes)
                out.mux(packet)
    return bytes(stream.data) if live else whole.getvalue()


def pictures() -> bytes:
    """Return a film without sound."""
    whole = io.BytesIO()
    with av.open(whole, "w", format="matroska") as out:
        _draw(out)
    return whole.getvalue()


def _draw(out: OutputContainer) -> None:
    """Write 2 s of pictures."""
    stream = out.add_stream("mpeg4", rate=10)
    stream.width = stream.height = 32
    stream.pix_fmt = "yuv420p"
    for number in range(20):
        picture = av.VideoFrame(32, 32, "yuv420p")
        picture.pts = number
        out.mux(stream.encode(picture))
    out.mux(stream.encode(None))


def _shift(packet: "av.Packet[av.AudioStream]", holes: Sequence[tuple[float, float]]) -> None:
    if packet.pts is None or packet.time_base is None:
        return
    at = float(packet.pts * packet.time_base)
    later = round(sum(seconds for start, seconds in holes if at >= start) / packet.time_base)
    packet.pts += later
    packet.dts = packet.pts


# --- damage ---


def cut(data: bytes, part: float) -> bytes:
    """Return the beginning of a file."""
    return data[: round(len(data) * part)]


def overwritten(data: bytes, part: float, count: int) -> bytes:
    """Return a file with noise over `count` bytes in it."""
    at = round(len(data) * part)
    noise = np.random.default_rng(1).bytes(count)
    return data[:at] + noise + data[at + count :]


def without_page(data: bytes, part: float) -> bytes:
    """Return an Ogg file without one of its pages (RFC 3533, 6)."""
    pages: list[bytes] = []
    at = 0
    while at < len(data):
        segments = data[at + _OGG_HEAD - 1]
        body = sum(data[at + _OGG_HEAD : at + _OGG_HEAD + segments])
        end = at + _OGG_HEAD + segments + body
        pages.append(data[at:end])
        at = end
    del pages[round(len(pages) * part)]
    return b"".join(pages)


def g711(law: str, channels: int = 1) -> bytes:
    """Return bare samples at 8 kHz, ``ULAW`` or ``ALAW``."""
    return written("RAW", law, 8_000, channels)
