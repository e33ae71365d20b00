"""Moonshine's tokens: what they spell, and where words begin."""

from collections.abc import Sequence

_SPACE = "\u2581".encode()
_BYTE = len(b"<0x00>")
_MARKS = 3
"""The first tokens: unknown, start, end."""


class Tokens:
    """A vocabulary of pieces of words; a piece that begins with a space begins a word."""

    def __init__(self, data: bytes) -> None:
        """Read the wheel's file: the bytes of each token behind their count. ValueError if cut."""
        self._pieces: list[bytes] = []
        at = 0
        while at < len(data):
            size, at = data[at], at + 1
            if size >= 0x80:
                if at == len(data):
                    raise ValueError("the list of tokens is cut off")
                size, at = (size & 0x7F) | data[at] << 7, at + 1
            if at + size > len(data):
                raise ValueError("the list of tokens is cut off")
            self._pieces.append(_spelled(data[at : at + size]))
            at += size

    def __len__(self) -> int:
        return len(self._pieces)

    @property
    def marks(self) -> list[int]:
        """Tokens that are no text and must not be written."""
        return list(range(_MARKS))

    def text(self, tokens: Sequence[int]) -> str:
        """Return what tokens spell, stripped; bytes that are no UTF-8 become U+FFFD."""
        return b"".join(self._pieces[each] for each in tokens).decode(errors="replace").strip()

    def words(self, tokens: Sequence[int]) -> list[tuple[str, int]]:
        """Return the words that tokens spell, each with how many tokens it took.

        Joined by spaces they are the text again, which therefore has no other white space.
        """
        words: list[tuple[list[int], int]] = []
        for token in tokens:
            if not words or self._pieces[token].startswith(b" "):
                words.append(([], 0))
            spelling, count = words[-1]
            words[-1] = ([*spelling, token], count + 1)
        return [(self.text(spelling), count) for spelling, count in words]


def _spelled(token: bytes) -> bytes:
    if len(token) == _BYTE and token.startswith(b"<0x"):
        return bytes([int(token[3:5], 16)])
    return token.replace(_SPACE, b" ")
