"""Tells audio in a container or a codec by its first bytes, where raw samples are expected."""

CONTAINER_HEAD = 8
"""Bytes that are enough for all of them."""

_MAGIC = {
    b"\x1aE\xdf\xa3": "WebM or Matroska",
    b"OggS": "Ogg",
    b"fLaC": "FLAC",
    b"ID3": "MP3",
    b"#!AMR": "AMR",
}
_MP4 = b"ftyp"
"""Behind four bytes of length (ISO/IEC 14496-12, 4.3)."""


def container_of(head: bytes) -> str | None:
    """Return what audio is that begins so, None if it may be samples.

    WAV is not told: its header is a click, and samples follow, which clients rely on.
    """
    if head[4:8] == _MP4:
        return "MP4"
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
