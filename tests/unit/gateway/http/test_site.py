"""The HTTP server behind the gateway's ports, over real sockets."""

import asyncio
import gc
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client import CollectorRegistry

from common.telemetry.metrics import GatewayMetrics
from gateway.http import site
from gateway.http.site import Handler, Site
from tests.integration.conftest import wait_until

REQUEST = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"


@web.middleware
async def let_through(request: web.Request, handler: Handler) -> web.StreamResponse:
    return await handler(request)


@asynccontextmanager
async def listening(
    *routes: web.AbstractRouteDef, proxy: bool = False, goes_on: bool = False
) -> AsyncIterator[int]:
    metrics = GatewayMetrics.build(CollectorRegistry())
    one = Site(routes, metrics, lambda peer: proxy, let_through)
    await one.start()
    server = await asyncio.get_running_loop().create_server(
        lambda: one.connection(goes_on), "127.0.0.1", 0
    )
    yield server.sockets[0].getsockname()[1]
    server.close()
    await one.close()


async def answer(port: int, path: bytes, *, ends: bool = False) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST % path)
    if ends:
        writer.write_eof()
    async with asyncio.timeout(10):
        said = await reader.read()
    writer.close()
    return said


async def fail(request: web.Request) -> web.StreamResponse:
    raise ZeroDivisionError


async def wait(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(0.05)
    return web.Response(text="late")


async def test_a_client_that_has_sent_all_it_will_is_still_answered():
    async with listening(web.get("/late", wait)) as port:
        said = await answer(port, b"late", ends=True)
    assert said.endswith(b"late")
    assert b"Connection: close" in said


async def test_a_client_that_closes_after_a_body_ends_its_request(monkeypatch):
    monkeypatch.setattr(site, "_GONE_AFTER", 0.01)
    ended = asyncio.Event()

    async def work(request: web.Request) -> web.StreamResponse:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    async with listening(web.get("/work", work), goes_on=True) as port:
        assert await answer(port, b"work", ends=True) == b""
        async with asyncio.timeout(10):
            await ended.wait()


async def test_a_mistake_of_ours_is_told_without_its_cause():
    async with listening(web.get("/fails", fail)) as port:
        said = await answer(port, b"fails")
    assert said.startswith(b"HTTP/1.1 500 ")
    assert b"ZeroDivision" not in said


async def test_an_unknown_path_is_told_what_there_is():
    async with listening(web.get("/late", wait), web.get("/b/{id}", wait)) as port:
        said = await answer(port, b"nothing")
    assert said.startswith(b"HTTP/1.1 404 ")
    assert said.endswith(b"there are /b/{id}, /late\n")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (b"v1/models", ("error", "message")),
        (b"v1/audio/transcriptionz", ("error", "message")),
        (b"v1/listen/flux", ("err_msg",)),
        (b"v1/projects", ("err_msg",)),
    ],
)
async def test_a_stray_path_of_a_public_api_is_answered_in_its_json(path, message):
    async with listening(web.post("/v1/listen", wait), web.post("/v1/models", wait)) as port:
        said = await answer(port, path)
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 405 " if path == b"v1/models" else b"HTTP/1.1 404 ")
    assert b"Content-Type: application/json" in head
    told = json.loads(body)
    for name in message:
        told = told[name]
    assert "POST" in told if path == b"v1/models" else "/v1/listen" in told


async def test_a_wrong_method_elsewhere_is_told_in_a_line():
    async with listening(web.post("/late", wait)) as port:
        said = await answer(port, b"late")
    assert said.startswith(b"HTTP/1.1 405 ")
    assert b"Allow: POST" in said
    assert said.endswith(b"GET is not answered here, but POST\n")


async def test_one_peer_gets_only_so_many_requests_unless_it_is_a_proxy(monkeypatch):
    monkeypatch.setattr(site, "_MOST_OF_A_PEER", 2)
    for proxy, expected in ((False, 2), (True, 4)):
        async with listening(web.get("/late", wait), proxy=proxy) as port:
            said = await asyncio.gather(*(answer(port, b"late") for _ in range(4)))
            assert sum(each.startswith(b"HTTP/1.1 200") for each in said) == expected
            assert sum(each.startswith(b"HTTP/1.1 503") for each in said) == 4 - expected
            # Their places are free again.
            assert (await answer(port, b"late")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /" + b"p" * 30_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"h" * 30_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01" + bytes(100),
    ],
    ids=["path", "header", "TLS"],
)
async def test_what_cannot_be_read_is_forgotten_without_looking_for_cycles(request_: bytes):
    gc.collect()
    gc.disable()
    try:
        async with listening(web.get("/late", wait)) as port:
            for _ in range(3):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(request_)
                assert (await reader.read()).startswith(b"HTTP/1.0 400 ")
                writer.close()
            await asyncio.sleep(0.05)
            assert not [each for each in gc.get_objects() if isinstance(each, HttpProcessingError)]
    finally:
        gc.enable()


async def flooded(monkeypatch: pytest.MonkeyPatch, body: bytes, more: bytes) -> int:
    """Send `more` of a body once the answer is there; return how many bytes of it are looked at."""
    monkeypatch.setattr(site, "_LINGER", 0.5)
    monkeypatch.setattr(site, "_UNWANTED_S", 10.0)
    bodies: list[aiohttp.StreamReader] = []

    async def respond(request: web.Request) -> web.StreamResponse:
        bodies.append(request.content)
        return web.Response(text="done")

    async with listening(web.get("/now", respond), goes_on=True) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /now HTTP/1.1\r\nHost: x\r\n" + body + b"\r\n\r\n")
        assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200")
        began = time.monotonic()
        writer.write(more)
        with suppress(ConnectionError):
            assert await reader.read() == b""
        assert 0.3 < time.monotonic() - began < 5
        writer.transport.abort()
    return bodies[0].total_bytes


async def test_chunks_that_nobody_reads_are_not_looked_at(monkeypatch):
    assert await flooded(monkeypatch, b"Transfer-Encoding: chunked", b"5\r\nhello\r\n") == 0


async def test_a_body_that_nobody_reads_is_received_slowly(monkeypatch):
    size = 16 << 20
    received = await flooded(monkeypatch, b"Content-Length: %d" % size, bytes(size - 1))
    assert 0 < received <= 2 << 20


@pytest.mark.parametrize("size", [40_000, 8 << 20])
async def test_a_peer_that_does_not_read_its_answer_is_cut_off(monkeypatch, size: int):
    monkeypatch.setattr(site, "_STUCK_S", 0.2)
    asked = asyncio.Event()

    async def much(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        accepted = request.transport.get_extra_info("socket")
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        asked.set()
        return web.Response(body=bytes(size))

    metrics = GatewayMetrics.build(CollectorRegistry())
    one = Site([web.get("/much", much)], metrics, lambda peer: False, let_through)
    await one.start()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: one.connection(False), "127.0.0.1", 0)
    with socket.socket() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        idle.setblocking(False)
        await loop.sock_connect(idle, server.sockets[0].getsockname())
        await loop.sock_sendall(idle, REQUEST % b"much")
        await asked.wait()
        await wait_until(lambda: not one._peers, "it is cut off")
    server.close()
    await one.close()


async def test_a_peer_that_reads_its_answer_slowly_gets_all_of_it(monkeypatch):
    monkeypatch.setattr(site, "_STUCK_S", 0.3)
    monkeypatch.setattr(site, "_LITTLE", 1)

    async def much(request: web.Request) -> web.StreamResponse:
        return web.Response(body=bytes(8 << 20))

    async with listening(web.get("/much", much)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 16)
        writer.write(REQUEST % b"much")
        received = 0
        while data := await reader.read(1 << 18):
            received += len(data)
            await asyncio.sleep(0.02)
        writer.close()
    assert received > 8 << 20
