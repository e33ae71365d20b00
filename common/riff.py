"""RIFF files whose chunks FFmpeg would misread, put in order. Blocking.

FFmpeg reads the last of several chunks of samples alone, and finds nothing behind a chunk of an odd
size whose pad is missing.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, Literal

BYTE_ORDER: dict[bytes, Literal["little", "big"]] = {b"RIFF": "little", b"RIFX": "big"}
"""The order of bytes in each form of RIFF."""
ENDLESS = 0x7FFF_0000
"""A size from here on stands for one that was not known."""
NAMES = frozenset({b"fmt ", b"data", b"LIST", b"fact", b"bext", b"cue ", b"JUNK", b"junk", b"PAD "})
"""Chunks that are known; one of them where a pad should be means that there is none."""

_HEAD, _CHUNK = 12, 8
_MOST_CHUNKS = 1_000
"""A file of more is left to FFmpeg."""
_MOST_FORMAT = 1 << 12


@dataclass(frozen=True, slots=True)
class _Part:
    """Bytes of a file, or bytes in their place."""

    start: int
    size: int
    instead: bytes = b""


def in_order(file: BinaryIO, begin: bytes) -> BinaryIO:
    """Return a file that begins so with its format and its samples alone, if that is necessary.

    Otherwise it is the file itself, which is then read from where it is.
    """
    form = begin[:4]
    if form not in BYTE_ORDER or not file.seekable():
        return file
    here = file.tell()
    try:
        return _repaired(file, here, BYTE_ORDER[form], form) or file
    finally:
        file.seek(here)


def _repaired(
    file: BinaryIO, here: int, order: Literal["little", "big"], form: bytes
) -> BinaryIO | None:
    end = file.seek(0, io.SEEK_END)
    formats: list[_Part] = []
    data: list[_Part] = []
    unpadded = False
    chunks = list(islice(_chunks(file, here + _HEAD, end, order), _MOST_CHUNKS))
    if len(chunks) == _MOST_CHUNKS:
        return None
    for name, start, size, whole in chunks:
        unpadded = unpadded or not whole
        if name == b"fmt " and size <= _MOST_FORMAT:
            formats.append(_Part(start, size))
        elif name == b"data":
            data.append(_Part(start, size))
    if not formats or not data or (len(data) == 1 and not unpadded):
        return None
    file.seek(formats[0].start)
    described = file.read(formats[0].size)
    total = sum(part.size for part in data)
    size = min(total, 0xFFFF_FFFF)
    head = b"WAVE" + _chunk(b"fmt ", len(described), order) + described + bytes(len(described) % 2)
    head += _chunk(b"data", size, order)
    head = _chunk(form, min(len(head) + total, 0xFFFF_FFFF), order) + head
    return io.BufferedReader(_Joined(file, [_Part(0, len(head), head), *data]))


def _chunk(name: bytes, size: int, order: Literal["little", "big"]) -> bytes:
    return name + size.to_bytes(4, order)


def _chunks(
    file: BinaryIO, at: int, end: int, order: Literal["little", "big"]
) -> Iterator[tuple[bytes, int, int, bool]]:
    """Yield each chunk's name, where its body is, its size, and whether it is padded as needed."""
    while True:
        file.seek(at)
        head = file.read(_CHUNK)
        if len(head) < _CHUNK:
            return
        name, size, start = head[:4], int.from_bytes(head[4:], order), at + _CHUNK
        if name == b"data" and (size == 0 or size >= ENDLESS):
            size = end - start
        size = min(size, end - start)
        at = start + size
        padded = True
        if size % 2:
            file.seek(at)
            padded = file.read(4) not in NAMES
            at += padded
        yield name, start, size, padded


class _Joined(io.RawIOBase):
    """Parts of a file as one."""

    def __init__(self, file: BinaryIO, parts: Sequence[_Part]) -> None:
        super().__init__()
        self._file = file
        self._parts = parts
        self._size = sum(part.size for part in parts)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]  # what io gives
        at = self._at
        for part in self._parts:
            if at < part.size:
                data = self._read(part, at, min(len(buffer), part.size - at))
                buffer[: len(data)] = data
                self._at += len(data)
                return len(data)
            at -= part.size
        return 0

    def _read(self, part: _Part, at: int, size: int) -> bytes:
        if part.instead:
            return part.instead[at : at + size]
        self._file.seek(part.start + at)
        return self._file.read(size)
