"""Finds where frames of MP3 or of AAC in ADTS begin, in a stream that may begin in mid-frame.

A header is few fixed bits, which samples and other data have by chance. So there must be two alike,
one frame apart. Pure.
"""

from collections.abc import Iterator
from typing import NamedTuple

from common.containers import Form

MOST = 3_520
"""Bytes in which there are two headers, wherever a stream begins: the longest frame of layer II has
1 729 bytes, and one of AAC in use 1 543."""
_SYNC = 0xFF
_LAYER_2, _LAYER_3 = 2, 1
_MPEG_1, _MPEG_2, _MPEG_2_5 = 3, 2, 0
_RATES = {
    _MPEG_1: (44_100, 48_000, 32_000),
    _MPEG_2: (22_050, 24_000, 16_000),
    _MPEG_2_5: (11_025, 12_000, 8_000),
}
_LOW = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_BITRATES = {
    (True, _LAYER_2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, _LAYER_3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, _LAYER_2): _LOW,
    (False, _LAYER_3): _LOW,
}
"""kbit/s by whether it is MPEG-1, and the layer; index 1 comes first."""
_ADTS_HEAD = 7
_ADTS_RATES = 13


class Sync(NamedTuple):
    """What a stream is, and the offset of its first whole frame."""

    form: Form
    at: int


class _Header(NamedTuple):
    form: Form
    length: int
    """Bytes of the whole frame."""
    kind: tuple[int, ...]
    """What does not change within a stream."""


def find(data: bytes) -> Sync | None:
    """Return the first frame that another one like it follows, or that is all there is."""
    for at in _candidates(data):
        header = _header(data[at : at + _ADTS_HEAD])
        if header is None:
            continue
        end = at + header.length
        following = _header(data[end : end + _ADTS_HEAD])
        alone = at == 0 and end == len(data)
        if alone or (following is not None and following.kind == header.kind):
            return Sync(header.form, at)
    return None


def _candidates(data: bytes) -> Iterator[int]:
    at = data.find(_SYNC)
    while at >= 0:
        yield at
        at = data.find(_SYNC, at + 1)


def _header(head: bytes) -> _Header | None:
    """Read a header of ISO/IEC 11172-3, 2.4.2.3, or of ISO/IEC 13818-7, 6.2."""
    if len(head) < _ADTS_HEAD or head[0] != _SYNC:
        return None
    # Of the same sync word, ADTS has layer 0.
    if head[1] & 0xF6 == 0xF0:
        return _adts(head)
    return _mpeg(head) if head[1] & 0xE0 == 0xE0 else None


def _adts(head: bytes) -> _Header | None:
    length = (head[3] & 0x03) << 11 | head[4] << 3 | head[5] >> 5
    if length <= _ADTS_HEAD or (head[2] >> 2 & 0x0F) >= _ADTS_RATES:
        return None
    return _Header(Form.AAC, length, (head[1], head[2], head[3] & 0xC0))


def _mpeg(head: bytes) -> _Header | None:
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    bitrates = _BITRATES.get((version == _MPEG_1, layer))
    rates = _RATES.get(version)
    if bitrates is None or rates is None or not 1 <= bitrate <= len(bitrates) or rate == len(rates):
        return None
    samples = 576 if layer == _LAYER_3 and version != _MPEG_1 else 1_152
    length = samples * 125 * bitrates[bitrate - 1] // rates[rate] + (head[2] >> 1 & 1)
    return _Header(Form.MP3, length, (head[1], rate))
