"""Heads of requests: the library gets one that it can read, whatever arrived."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.streams import StreamReader

from gateway.websocket.request import MOST_BYTES, Head, HeadReader

HANDSHAKE = (
    b"GET /ws/asr?a=b HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def read(data: bytes, step: int = 1 << 20) -> Head | None:
    reader = HeadReader()
    for at in range(0, len(data), step):
        head = reader.push(data[at : at + step])
        if head is not None:
            return replace(head, rest=head.rest + data[at + step :])
    return None


def by_library(data: bytes) -> Request:
    stream = StreamReader()
    stream.feed_data(data)
    parser = Request.parse(stream.read_line)
    with pytest.raises(StopIteration) as done:
        next(parser)
    request: Request = done.value.value
    return request


@given(st.integers(1, len(HANDSHAKE) + 3))
def test_a_handshake_is_told_with_its_path_and_frames_behind_it_are_kept(step):
    assert read(HANDSHAKE + b"\x82\x80", step) == Head(
        HANDSHAKE, b"\x82\x80", "/ws/asr", goes_on=True
    )


@given(st.integers(1, len(GET) + 6))
def test_any_other_request_is_kept_as_it_is(step):
    head = read(GET + b"behind", step)
    assert head is not None
    assert head.path is None
    assert head.data + head.rest == GET + b"behind"


@pytest.mark.parametrize(
    "request_",
    [
        HANDSHAKE.replace(b"GET", b"HEAD"),
        HANDSHAKE.replace(b"GET", b"POST"),
        HANDSHAKE.replace(b"HTTP/1.1", b"HTTP/1.0"),
        HANDSHAKE.replace(b"/ws/asr", "/ws/ä".encode()),
        HANDSHAKE.replace(b"Host: x", b"Content-Length: 5"),
        HANDSHAKE.replace(b"Host: x", b"Host x"),
        HANDSHAKE.replace(b"Host: x", b"Host: x\n y"),
        HANDSHAKE.replace(b"websocket", b"h2c"),
        HANDSHAKE.replace(b"Host: x", b"X: " + b"y" * MOST_BYTES),
        b"GET / HTTP/1.1\r\nX: " + bytes(b"y" * MOST_BYTES),
        b"\x16\x03\x01\x02\x00",
        b"hello\r\n\r\n",
    ],
)
def test_what_is_no_handshake_that_can_be_read_is_told_so(request_):
    head = read(request_)
    assert head is not None
    assert head.path is None
    assert head.data + head.rest == request_


@given(st.binary(max_size=300), st.integers(1, 50))
def test_whatever_counts_as_a_handshake_can_be_read_by_the_library(data, step):
    head = read(HANDSHAKE[:20] + data + HANDSHAKE[20:], step)
    if head is not None and head.path is not None:
        assert by_library(head.data).path.startswith(head.path)
