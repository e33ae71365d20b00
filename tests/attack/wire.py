"""Bytes of HTTP and WebSocket (RFC 6455), right and wrong, as no library would send them."""

import json
from typing import Any

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

_CLOSES = bytes([0x80 | CLOSE])
_NO_CODE = 1005
"""Stands for a close frame without a code, as in RFC 6455, 7.1.5."""


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    length: int | None = None,
) -> bytes:
    """Return a frame. `rsv`: the three reserved bits; `length`: what it claims, if not the truth.

    The mask is zero: it is a mask like any other, and costs the sender nothing.
    """
    size = len(payload) if length is None else length
    mask = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if size < 126:
        head += bytes([mask | size])
    elif size < 1 << 16:
        head += bytes([mask | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([mask | 127]) + size.to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + payload


def text(message: str | dict[str, Any]) -> bytes:
    """Return a whole text message."""
    body = message if isinstance(message, str) else json.dumps(message)
    return frame(TEXT, body.encode())


def request(path: str, headers: tuple[str, ...] = (), *, method: str = "GET") -> bytes:
    """Return the head of a plain request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


def upgrade(path: str, headers: tuple[str, ...] = ()) -> bytes:
    """Return a WebSocket handshake; the key is RFC 6455's own example."""
    opening = (
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    return request(path, (*opening, *headers))


def status_of(head: bytes) -> int | None:
    """Return the status of a response's first line; None for what is no response."""
    parts = head.split(b" ", 2)
    if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not parts[1].isdigit():
        return None
    return int(parts[1])


def close_code(tail: bytes) -> int | None:
    """Return the code of the server's close frame that ends what was received; None without one."""
    at = len(tail) - 1
    while (at := tail.rfind(_CLOSES, 0, at)) >= 0:
        payload = tail[at + 2 :]
        if tail[at + 1] == len(payload) < 126:
            return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else _NO_CODE
    return None


def repeated(one: bytes, size: int = 1 << 16) -> tuple[bytes, int]:
    """Return about `size` bytes of whole repetitions, at least one, and how many these are."""
    count = max(1, size // len(one))
    return one * count, count
