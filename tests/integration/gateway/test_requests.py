"""Every request is answered, whatever comes with it, and a handshake stays one."""

import asyncio
import json
from typing import Any

import pytest

from tests.integration.conftest import RunningStack

pytestmark = pytest.mark.usefixtures("unharmed")

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
UPGRADE = (
    b"GET /ws/asr HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def answer(port: int, request: bytes, *, step: int = 1 << 20, ends: bool = False) -> bytes:
    """Send bytes; return everything that is answered until the gateway closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for at in range(0, len(request), step):
        writer.write(request[at : at + step])
        await writer.drain()
    if ends:
        writer.write_eof()
    async with asyncio.timeout(15):
        said = b""
        while b"\r\n\r\n" not in said:
            if not (more := await reader.read(65_536)):
                break
            said += more
    writer.close()
    return said


@pytest.mark.parametrize(
    "request_",
    [
        GET + b"\r\n",
        GET + b"Content-Length: 5\r\n\r\nhello",
        GET + b"Content-Length: 100000\r\n\r\n" + bytes(100_000),
        GET + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        (GET + b"\r\n") * 50,
        GET + b"\r\n" + b"\x82\x80\x00\x00\x00\x00" * 1000,
    ],
    ids=["plain", "body", "large body", "chunked", "pipelined", "frames behind it"],
)
@pytest.mark.parametrize("ends", [False, True])
async def test_a_page_is_answered_whatever_comes_behind_the_request(stack, request_, ends):
    said = await answer(stack.port, request_, ends=ends)
    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close" in said


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", 405),
        (b"OPTIONS /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (UPGRADE.replace(b"GET", b"HEAD"), 426),
        (b"HEAD /ws/asr HTTP/1.1\r\nHost: localhost\r\n\r\n", 426),
        (b"GET /health HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (GET + b"X: " + b"y" * 40_000, 400),
        (GET + b"X: y\r\n" * 500 + b"\r\n", 400),
        (GET.replace(b"/health", b"/" + b"y" * 9_000) + b"\r\n", 400),
        (GET.replace(b"/health", b"/nothing") + b"\r\n", 404),
        (UPGRADE.replace(b"Version: 13", b"Version: 12"), 400),
    ],
)
async def test_what_cannot_be_served_is_told_so(stack: RunningStack, request_: bytes, status: int):
    said = await answer(stack.port, request_)
    # aiohttp answers what it cannot read as HTTP/1.0.
    assert said.split()[:2][1] == b"%d" % status
    assert said.startswith((b"HTTP/1.1 ", b"HTTP/1.0 400 "))


@pytest.mark.parametrize("field", [b"X-Api-Key: \xff", b"Authorization: Bearer \xc3\xbf.\xff"])
async def test_a_key_may_have_any_bytes_where_none_is_needed(stack: RunningStack, field: bytes):
    listing = b"GET /v1/sessions HTTP/1.1\r\nHost: localhost\r\n" + field + b"\r\n\r\n"
    assert (await answer(stack.port, listing)).startswith(b"HTTP/1.1 200 ")
    upgrade = UPGRADE.replace(b"Host: localhost", b"Host: localhost\r\n" + field)
    assert (await answer(stack.port, upgrade)).startswith(b"HTTP/1.1 101 ")


async def test_a_health_check_by_head_gets_no_body(stack: RunningStack):
    said = await answer(stack.port, b"HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n", ends=True)
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"Content-Length: 3" in head
    assert body == b""


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
async def test_a_call_may_be_opened_without_waiting_for_the_handshake(stack, step):
    config = json.dumps({"type": "config", "encoding": "pcm16"}).encode()
    frames = bytes([0x81, 0x80 | len(config)]) + bytes(4) + config
    reader, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    request = UPGRADE + frames
    for at in range(0, len(request), step):
        writer.write(request[at : at + step])
        await writer.drain()
    async with asyncio.timeout(10):
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        created: dict[str, Any] = json.loads((await read_text(reader)).decode())
    assert created["type"] == "session_created"
    writer.write(b"\x88\x80" + bytes(4))
    await reader.read()
    writer.close()


async def read_text(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(2)
    size = head[1]
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    return await reader.readexactly(size)
