"""The head of a connection's first request, collected before anything else reads it.

The WebSocket library gets only handshakes that it can read. All other requests, well formed or not,
are for the HTTP server. Pure.
"""

import re
from dataclasses import dataclass

MOST_BYTES = 32_768
"""Bytes of a head: what nginx reads by default (large_client_header_buffers)."""

_END = b"\r\n\r\n"
_TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
_LINE = re.compile(rb"GET (?P<path>[\x21-\x7e]+?)(?:\?[\x21-\x7e]*)? HTTP/1\.1\r\n")
_FIELDS = re.compile(rb"(?:" + _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n")
_BODY_FIELDS = re.compile(rb"\r\n(?:content-length|transfer-encoding|expect):", re.IGNORECASE)
_UPGRADE = re.compile(rb"\r\nupgrade:[ \t]*websocket[ \t]*\r", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Head:
    """What has arrived once it can be told for whom it is. `rest` is what came after the head.

    `path` is that of a WebSocket handshake, None for anything else. `goes_on`: what came after the
    head belongs to the request.
    """

    data: bytes
    rest: bytes
    path: str | None
    goes_on: bool = False


class HeadReader:
    """Collects one head from bytes that may be split anywhere."""

    def __init__(self) -> None:
        self._data = bytearray()

    def push(self, data: bytes) -> Head | None:
        """Add bytes; return the head once it is whole, or cannot become one."""
        seen = max(0, len(self._data) - len(_END) + 1)
        self._data += data
        end = self._data.find(_END, seen)
        if end >= 0:
            end += len(_END)
            head = bytes(self._data[:end])
            path = _handshake_path(head) if end <= MOST_BYTES else None
            goes_on = _BODY_FIELDS.search(head) or _UPGRADE.search(head)
            return Head(head, bytes(self._data[end:]), path, goes_on is not None)
        hopeless = bool(self._data) and not chr(self._data[0]).isalpha()  # TLS, for example
        if hopeless or len(self._data) > MOST_BYTES:
            return Head(bytes(self._data), b"", None)
        return None


def _handshake_path(head: bytes) -> str | None:
    line = _LINE.match(head)
    if line is None or not _FIELDS.fullmatch(head, line.end()) or not _UPGRADE.search(head):
        return None
    return None if _BODY_FIELDS.search(head) else line["path"].decode()
