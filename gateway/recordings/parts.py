"""What of a leg's audio is put aside at a time, before the call is over and a file is made of it.

A part is `PART` samples at a multiple of that, with silence where nothing was recorded. It is the
same each time that it is made, so it may be written any number of times.
"""

from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from common.bus.wire import Chunk

PART = 10 * SAMPLE_RATE
"""Samples; what has not filled one is in Redis."""


def cut(chunks: Iterable[Chunk], start: int, end: int) -> bytes | None:
    """Return the PCM16LE of [start, end), silence where no chunk is; None if none is there.

    Chunks are in the order of their ends; where two have a position, both have the same audio.
    """
    pcm = bytearray((end - start) * BYTES_PER_SAMPLE)
    found = False
    for chunk in chunks:
        first, last = max(chunk.start, start), min(chunk.end, end)
        if first < last:
            found = True
            skipped = (first - chunk.start) * BYTES_PER_SAMPLE
            length = (last - first) * BYTES_PER_SAMPLE
            at = (first - start) * BYTES_PER_SAMPLE
            pcm[at : at + length] = chunk.pcm[skipped : skipped + length]
    return bytes(pcm) if found else None


class Seal:
    """Encrypts parts of one call with a key that only Redis has, as long as it has the call."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, pcm: bytes, channel: int, number: int) -> bytes:
        """Return a part for others to keep."""
        return self._cipher.encrypt(_nonce(channel, number), pcm, None)

    def open(self, sealed: bytes, channel: int, number: int) -> bytes | None:
        """Return its audio; None if it is no such part."""
        try:
            return self._cipher.decrypt(_nonce(channel, number), sealed, None)
        except InvalidTag:
            return None


def _nonce(channel: int, number: int) -> bytes:
    # One content for each: a part that is made again is the same.
    return channel.to_bytes(4) + number.to_bytes(8)
