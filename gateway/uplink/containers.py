"""Tells audio in a container or a codec by its first bytes."""

from enum import Enum


class Form(Enum):
    """A container or codec that tells itself; the value is FFmpeg's name of it."""

    WEBM = "matroska"
    OGG = "ogg"
    FLAC = "flac"
    MP3 = "mp3"
    AAC = "aac"
    MP4 = "mp4"
    AMR = "amr"
    WAV = "wav"


HEAD = 12
"""Bytes that are enough for all of them."""
CONTAINER_HEAD = 8
"""Bytes that are enough for `container_of`."""

_MAGIC = {
    b"\x1aE\xdf\xa3": Form.WEBM,
    b"OggS": Form.OGG,
    b"fLaC": Form.FLAC,
    b"ID3": Form.MP3,
    b"#!AMR": Form.AMR,
}
_MP4 = b"ftyp"
"""Behind four bytes of length (ISO/IEC 14496-12, 4.3)."""
_OGG_BEGINS = 0x02
"""Flag of a stream's first page (RFC 3533, 6)."""
_NAMES = {Form.WEBM: "WebM or Matroska", Form.OGG: "Ogg"}


def container_of(head: bytes) -> str | None:
    """Return what audio is that begins so, None if it may be samples.

    WAV is not told: its header is a click, and samples follow, which clients rely on.
    """
    if head[4:8] == _MP4:
        return "MP4"
    found = next((form for magic, form in _MAGIC.items() if head.startswith(magic)), None)
    return None if found is None else _NAMES.get(found, found.name)


def form_of(head: bytes) -> Form | None:
    """Return what a stream is that begins so, where it is no samples; None if that is not known."""
    if head[4:8] == _MP4:
        return Form.MP4
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return Form.WAV
    for magic, form in _MAGIC.items():
        if head.startswith(magic):
            begins = form is not Form.OGG or (len(head) > 5 and head[5] & _OGG_BEGINS)
            return form if begins else None
    if len(head) < 2 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    # ISO/IEC 11172-3, 2.4.2.3, and 13818-7, 6.2: of the same sync word, ADTS has layer 0.
    layer = head[1] & 0x06
    if not layer:
        return Form.AAC if head[1] & 0xF0 == 0xF0 else None
    return Form.MP3
