"""Samples of a WAV file as it comes. FFmpeg's reader of it waits for 64 KiB at a time."""

from collections.abc import Callable, Iterator

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame

from common import riff

_PCM = {8: "pcm_u8", 16: "pcm_s16le", 24: "pcm_s24le", 32: "pcm_s32le"}
_FORMATS = {3: {32: "pcm_f32le", 64: "pcm_f64le"}, 6: {8: "pcm_alaw"}, 7: {8: "pcm_mulaw"}, 1: _PCM}
"""By the format's tag and the bits of a sample (RFC 2361)."""
_EXTENSIBLE = 0xFFFE
_LAYOUTS = {1: "mono", 2: "stereo"}
_RIFF = 12
_MOST_CHUNK = 1 << 16


class NotWav(Exception):
    """The header is not one of samples."""


def samples(read: Callable[[int], bytes]) -> Iterator[AudioFrame]:
    """Yield what comes behind the header to the end; sizes are those of a file, and do not count.

    `read` gets a number of bytes and returns at most these, none at the end. Raises NotWav.
    """
    _exactly(read, _RIFF)
    decoder, width = None, 0
    head = _exactly(read, 8)
    while True:
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"data":
            break
        if size > _MOST_CHUNK:
            raise NotWav
        body = _exactly(read, size)
        if head[:4] == b"fmt ":
            decoder, width = _decoder(body)
        head = _exactly(read, 8)
        if size % 2 and head[:4] not in riff.NAMES:  # the first byte is the pad
            head = head[1:] + _exactly(read, 1)
    if decoder is None:
        raise NotWav
    rest = b""
    while more := read(_MOST_CHUNK):
        rest += more
        whole = len(rest) - len(rest) % width
        if whole:
            yield from decoder.decode(av.Packet(rest[:whole]))
            rest = rest[whole:]


def _decoder(fmt: bytes) -> tuple[AudioCodecContext, int]:
    """Return what decodes samples of a format, and the bytes of a frame."""
    if len(fmt) < 16:
        raise NotWav
    tag, channels, rate, _, width, bits = (
        int.from_bytes(fmt[at:end], "little")
        for at, end in ((0, 2), (2, 4), (4, 8), (8, 12), (12, 14), (14, 16))
    )
    if tag == _EXTENSIBLE:
        tag = int.from_bytes(fmt[24:26], "little")
    name = _FORMATS.get(tag, {}).get(bits)
    if name is None or channels not in _LAYOUTS or width != channels * bits // 8 or not rate:
        raise NotWav
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, AudioCodecContext)
    decoder.sample_rate, decoder.layout = rate, _LAYOUTS[channels]
    return decoder, width


def _exactly(read: Callable[[int], bytes], size: int) -> bytes:
    found = b""
    while len(found) < size:
        if not (more := read(size - len(found))):
            raise NotWav
        found += more
    return found
