"""Tells audio in a container or a codec by its first bytes. Pure."""

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
    RIFX = "rifx"
    CAF = "caf"
    AIFF = "aiff"


HEAD = 12
"""Bytes that are enough for `form_of`."""
CONTAINER_HEAD = 8
"""Bytes that are enough for `container_of`."""

_MAGIC = {
    b"\x1aE\xdf\xa3": Form.WEBM,
    b"OggS": Form.OGG,
    b"fLaC": Form.FLAC,
    b"ID3": Form.MP3,
    b"#!AMR": Form.AMR,
    b"caff": Form.CAF,
    b"FORM": Form.AIFF,
}
_WAVE = {b"RIFF": Form.WAV, b"RIFX": Form.RIFX}
_MP4 = b"ftyp"
"""Behind four bytes of length (ISO/IEC 14496-12, 4.3)."""
_OGG_BEGINS = 0x02
"""Flag of a stream's first page (RFC 3533, 6)."""
_NAMES = {Form.WEBM: "WebM or Matroska", Form.OGG: "Ogg"}


def form_of(head: bytes) -> Form | None:
    """Return what a file or stream is that begins so; None if that is not known.

    Frames of MP3 or AAC without a tag before them are not told: many samples look like them.
    """
    if head[4:8] == _MP4:
        return Form.MP4
    if head[8:12] == b"WAVE":
        return _WAVE.get(head[:4])
    return next((form for magic, form in _MAGIC.items() if head.startswith(magic)), None)


def container_of(head: bytes) -> str | None:
    """Return the name of what audio is that begins so, None if it may be samples.

    WAV is not told: its header is a click, and samples follow, which clients rely on.
    """
    form = form_of(head)
    if form is None or form in _WAVE.values():
        return None
    return _NAMES.get(form, form.name)


def begins(form: Form, head: bytes) -> bool:
    """Whether a live stream of a form, which begins so, has its headers: a page of Ogg tells."""
    return form is not Form.OGG or (len(head) > 5 and bool(head[5] & _OGG_BEGINS))
