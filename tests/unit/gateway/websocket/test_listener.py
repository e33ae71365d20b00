"""Requests as protocols see them, and answers to those that are refused."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from gateway.admission.capacity import Refusal
from gateway.protocols.api import plain_denial
from gateway.turns.crowd import Crowd
from gateway.websocket import limits
from gateway.websocket.listener import WebSocketListener, read, turned_away
from tests.certificates import identity


@pytest.mark.parametrize(
    ("target", "path", "resume"),
    [
        ("/ws/asr", "/ws/asr", None),
        ("/ws/asr?resume=1", "/ws/asr", "1"),
        ("/ws/asr?a=b&resume=1", "/ws/asr", "1"),
        ("/ws/asr?resume=2&resume=1", "/ws/asr", "1"),
        ("/ws/asr?resume=10", "/ws/asr", "10"),
        ("/ws/asr?resume=", "/ws/asr", ""),
        ("/resume=1", "/resume=1", None),
        ("//[", "//[", None),
        ("/?%ff=%zz&&&", "/", None),
    ],
)
def test_a_request_says_what_it_is_for(target, path, resume):
    request = read(Request(target, Headers()), "192.0.2.1")
    assert (request.path, request.parameter("resume")) == (path, resume)


def test_a_protocol_sees_all_that_was_asked_for():
    headers = Headers([("X-A", "1"), ("x-a", "2"), ("Sec-WebSocket-Protocol", "token, k")])
    request = read(Request("/p?q=a%20b&q=c", headers), "192.0.2.1", session="call")
    assert request.query == {"q": ["a b", "c"]}
    assert request.headers["x-a"] == ["1", "2"]
    assert request.subprotocols == ["token", "k"]
    assert (request.peer, request.session) == ("192.0.2.1", "call")


@pytest.mark.parametrize(("reason", "status"), [("asr_load", 503), ("key_sessions", 429)])
def test_who_is_refused_is_told_why_and_when_to_come_again(reason, status):
    answer = turned_away(Refusal(reason, 7, "too much"), plain_denial)
    assert answer.status_code == status
    assert answer.body == f"refused: {reason}\n".encode()
    assert answer.headers["Retry-After"] == "7"
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_client_that_never_shakes_hands_is_cut_off(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(limits, "MOST_HEAD", 0.1)
    nothing = cast(Any, None)  # no client comes so far
    one = WebSocketListener(
        [],
        nothing,
        nothing,
        Crowd(),
        nothing,
        nothing,
        nothing,
        proxies=nothing,
        opening_s=60.0,
        max_size=1 << 20,
    )
    await one.listen("127.0.0.1", 0, identity(tmp_path, "calls", "localhost").server())
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    await one.close()
