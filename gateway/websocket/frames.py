"""Where a WebSocket's frames begin and end among the bytes of a connection (RFC 6455, 5.2).

Nearly all messages that a gateway receives are binary and have one frame. This module extracts them
without the library's general parser, which takes several times as long.
"""

from collections.abc import Sequence
from typing import NamedTuple

try:
    from websockets.speedups import apply_mask
except ImportError:  # built without its C part
    from websockets.utils import apply_mask

_WHOLE_BINARY = 0x82
"""First byte of a binary message in one frame, without extensions."""
_MASKED = 0x80
_LENGTH_16, _LENGTH_64 = 126, 127


class Cut(NamedTuple):
    """The whole frames that some bytes begin with."""

    frames: Sequence[tuple[int, int, int]]
    """Begin, begin of the payload, and end of each."""
    end: int
    """Where the first byte after them lies."""
    missing: int
    """Least number of bytes that the frame beginning there lacks; 0 if it may be whole."""
    strange: bool
    """Whether that frame is not allowed, or too long: the library judges it."""


def cut(data: bytes | bytearray, most: int, limit: int) -> Cut:
    """Cut bytes, which begin with a frame's first byte, into at most `limit` frames.

    A frame of more than `most` bytes of payload is strange.
    """
    frames: list[tuple[int, int, int]] = []
    begin, end = 0, len(data)
    while len(frames) < limit:
        if end - begin < 2:
            return Cut(frames, begin, 2 - (end - begin), False)
        length = data[begin + 1] - _MASKED
        payload = begin + 6
        if length < 0:
            return Cut(frames, begin, 0, True)
        if length >= _LENGTH_16:
            extra = 2 if length == _LENGTH_16 else 8
            payload += extra
            if end - begin < 2 + extra:
                return Cut(frames, begin, 2 + extra - (end - begin), False)
            length = int.from_bytes(data[begin + 2 : begin + 2 + extra], "big")
        if length > most:
            # Only a whole head can be judged.
            return Cut(frames, begin, max(0, payload - end), True)
        if payload + length > end:
            return Cut(frames, begin, payload + length - end, False)
        frames.append((begin, payload, payload + length))
        begin = payload + length
    return Cut(frames, begin, 0, False)


def binary_message(data: bytes, frame: tuple[int, int, int]) -> bytes | None:
    """Return the payload of a whole frame that is a binary message; None for any other frame."""
    begin, payload, end = frame
    if data[begin] != _WHOLE_BINARY:
        return None
    return apply_mask(data[payload:end], data[payload - 4 : payload])


def lone_message(data: bytes, most: int) -> bytes | None:
    """Return the binary message if these bytes are one whole frame of 2 to `most` bytes.

    From a live call that is nearly always so.
    """
    if len(data) < 8 or data[0] != _WHOLE_BINARY:
        return None
    length, begin = data[1] - _MASKED, 6
    if length == _LENGTH_16:
        length, begin = int.from_bytes(data[2:4], "big"), 8
    elif length == _LENGTH_64:
        return None
    if length != len(data) - begin or length > most:
        return None
    return apply_mask(data[begin:], data[begin - 4 : begin])
