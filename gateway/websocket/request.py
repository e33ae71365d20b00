"""The head of an HTTP request, collected and judged before the WebSocket library sees it.

The library reads only handshakes. It does not answer other methods, a body, or what is not HTTP,
and fails on bytes after a request that it refuses. So it gets exactly one head that it can read. A
fault of the real one is kept beside it, for the answer. Pure.
"""

import re
from dataclasses import dataclass
from http import HTTPStatus

MOST_BYTES = 32_768
"""Bytes of a head: what nginx reads by default (large_client_header_buffers)."""

_END = b"\r\n\r\n"
_TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
_LINE = re.compile(rb"(?P<method>" + _TOKEN + rb") [\x21-\x7e]+ HTTP/1\.[01]\r\n")
_FIELDS = re.compile(rb"(?:" + _TOKEN + rb":[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n")
_BODY_FIELDS = re.compile(rb"\r\n(?:content-length|transfer-encoding|expect):[^\r]*", re.IGNORECASE)
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
_METHODS = (b"GET", b"HEAD")
_STAND_IN = b"GET / HTTP/1.1\r\n\r\n"
"""What the library reads in place of a head that it must not see."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a request is not served."""

    status: HTTPStatus
    text: str


@dataclass(frozen=True, slots=True)
class Head:
    """A whole head. `data` is for the library, `rest` is what came after it."""

    data: bytes
    rest: bytes
    bare: bool = False
    """Whether the answer goes without its body (HEAD)."""
    complaint: Complaint | None = None


class HeadReader:
    """Collects one head from bytes that may be split anywhere."""

    def __init__(self) -> None:
        self._data = bytearray()

    def push(self, data: bytes) -> Head | None:
        """Add bytes; return the head once it is whole, or cannot become one."""
        seen = max(0, len(self._data) - len(_END) + 1)
        self._data += data
        end = self._data.find(_END, seen)
        if end >= 0 and end + len(_END) <= MOST_BYTES:
            end += len(_END)
            return _judged(bytes(self._data[:end]), bytes(self._data[end:]))
        if end >= 0 or len(self._data) > MOST_BYTES:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            return _refused(status, f"the head is longer than {MOST_BYTES} bytes")
        if self._data and not chr(self._data[0]).isalpha():  # TLS, or another protocol
            return _refused(HTTPStatus.BAD_REQUEST, "this is no HTTP request")
        return None


def _judged(head: bytes, rest: bytes) -> Head:
    line = _LINE.match(head)
    if line is None or not _FIELDS.fullmatch(head, line.end()):
        return _refused(HTTPStatus.BAD_REQUEST, "the request is not well formed")
    if line["method"] not in _METHODS:
        return _refused(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD are served here")
    has_body = _BODY_FIELDS.search(head) is not None
    if _UPGRADE.search(head):
        if has_body or line["method"] != b"GET":
            return _refused(HTTPStatus.BAD_REQUEST, "a WebSocket handshake is a GET without a body")
        return Head(head, rest)
    bare = line["method"] == b"HEAD"
    if bare:
        head = b"GET" + head[len(b"HEAD") :]
    # Each answer ends its connection, so a body need not be told from a second request.
    return Head(_BODY_FIELDS.sub(b"", head) if has_body else head, b"", bare)


def _refused(status: HTTPStatus, text: str) -> Head:
    return Head(_STAND_IN, b"", complaint=Complaint(status, text))
