"""Heads of requests: the library gets one that it can read, whatever arrived."""

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
            rest = data[at + step :]
            return Head(head.data, head.rest + rest, head.bare, head.complaint)
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
def test_a_handshake_is_handed_over_as_it_is_and_frames_behind_it_are_kept(step):
    head = read(HANDSHAKE + b"\x82\x80", step)
    assert head == Head(HANDSHAKE, b"\x82\x80")


def test_a_page_is_asked_for_as_ever():
    head = read(GET)
    assert head == Head(GET, b"")


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"content-length: 5\r\nX: y\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
        b"\r\nGET /ready HTTP/1.1\r\n\r\n",
    ],
    ids=["body", "body first", "chunked", "expect", "pipelined"],
)
def test_what_comes_behind_a_request_for_a_page_is_not_read(body):
    head = read(b"GET /health HTTP/1.1\r\nHost: x\r\n" + body)
    assert head is not None
    assert head.complaint is None
    assert by_library(head.data).path == "/health"
    assert by_library(head.data).headers["Host"] == "x"


def test_head_is_answered_as_get_without_its_body():
    head = read(GET.replace(b"GET", b"HEAD"))
    assert head == Head(GET, b"", bare=True)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET.replace(b"GET", b"POST"), 405),
        (GET.replace(b"GET", b"OPTIONS"), 405),
        (GET.replace(b"GET", b"NONSENSE"), 405),
        (GET.replace(b"HTTP/1.1", b"HTTP/2.0"), 400),
        (GET.replace(b"/health", "/hälth".encode()), 400),
        (GET.replace(b"Host: x", b"Host x"), 400),
        (GET.replace(b"Host: x", b"Ho st: x"), 400),
        (GET.replace(b"Host: x", b"Host: x\x00"), 400),
        (GET.replace(b"Host: x", b"Host: x\n y"), 400),
        (b"\x16\x03\x01\x02\x00", 400),
        (b"\r\n\r\n", 400),
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + bytes(b"y" * MOST_BYTES), 431),
        (b"GET / HTTP/1.1\r\nX: " + bytes(b"y" * MOST_BYTES) + b"\r\n\r\n", 431),
        (HANDSHAKE.replace(b"Host: x", b"Content-Length: 5"), 400),
        (HANDSHAKE.replace(b"GET", b"HEAD"), 400),
    ],
)
def test_what_cannot_be_served_is_told_so(request_, status):
    head = read(request_)
    assert head is not None
    assert head.complaint is not None
    assert head.complaint.status == status
    assert head.rest == b""
    assert by_library(head.data).path == "/"


@given(st.binary(max_size=300), st.integers(1, 50))
def test_whatever_comes_the_library_can_read_what_it_gets(data, step):
    head = read(data + b"\r\n\r\n", step)
    if head is not None:
        assert by_library(head.data).method == "GET"
