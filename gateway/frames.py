"""Audio messages cut out of a WebSocket's bytes, where a glance is enough (RFC 6455, 5.2).

Nearly all that a gateway receives are whole binary messages in one frame that one read of the
socket brings. Each takes 0.6 us here and ten times that in the library's parser, which is made for
everything else as well, and gets everything else.
"""

try:
    from websockets.speedups import apply_mask
except ImportError:  # built without its C part
    from websockets.utils import apply_mask

_BINARY = 0x82
"""First byte of a whole binary message without extensions."""
_MASKED = 0x80
_LENGTH_16, _LENGTH_64 = 126, 127


def whole_messages(data: bytes, most: int) -> tuple[list[bytes], int]:
    """Return the payloads of the whole binary messages that `data` begins with, and their end.

    `data` begins where a frame does. What lies behind the end is of another kind, not complete, not
    as a client should send it, or longer than `most` bytes, and is the library's to judge.
    """
    payloads: list[bytes] = []
    begin, end = 0, len(data)
    while end - begin >= 6 and data[begin] == _BINARY:
        length = data[begin + 1] - _MASKED
        mask = begin + 2
        if length == _LENGTH_16 and end - begin >= 8:
            length = data[mask] << 8 | data[mask + 1]
            mask += 2
        elif not 0 <= length < _LENGTH_16:
            break
        stop = mask + 4 + length
        if stop > end or length > most:
            break
        payloads.append(apply_mask(data[mask + 4 : stop], data[mask : mask + 4]))
        begin = stop
    return payloads, begin
