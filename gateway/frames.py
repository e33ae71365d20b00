"""Where a WebSocket's frames begin and end among the bytes of a connection (RFC 6455, 5.2).

Nearly all that a gateway receives are whole binary messages in one frame each. Whoever knows where
such a one lies can take it out without the library's parser, which is made for everything else as
well and takes several times as long.
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
    """What whole frames some bytes begin with."""

    frames: Sequence[tuple[int, int, int]]
    """Begin, begin of the payload, and end of each."""
    end: int
    """Where the first frame begins that is not whole."""
    strange: bool
    """Whether that is one that a client should not send, or too long: the library's to judge."""


def cut(data: bytes, most: int) -> Cut:
    """Cut bytes that begin where a frame does; `most` bytes of payload are not strange."""
    frames: list[tuple[int, int, int]] = []
    begin, end = 0, len(data)
    while end - begin >= 2:
        length = data[begin + 1] - _MASKED
        payload = begin + 6
        if length == _LENGTH_16:
            if end - begin < 4:
                break
            length = data[begin + 2] << 8 | data[begin + 3]
            payload = begin + 8
        elif not 0 <= length < _LENGTH_16:
            return Cut(frames, begin, True)
        if length > most:
            return Cut(frames, begin, True)
        if payload + length > end:
            break
        frames.append((begin, payload, payload + length))
        begin = payload + length
    return Cut(frames, begin, False)


def binary_message(data: bytes, frame: tuple[int, int, int]) -> bytes | None:
    """Return the payload of a whole frame that is a binary message; None if it is another."""
    begin, payload, end = frame
    if data[begin] != _WHOLE_BINARY:
        return None
    return apply_mask(data[payload:end], data[payload - 4 : payload])
