"""Bodies of requests, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web

from gateway.files import openai, upload
from gateway.files.refusal import FileRefused
from gateway.files.spool import Spool
from gateway.files.transcript import Form
from gateway.http import bodies
from gateway.http.bodies import Body
from tests.unit.gateway.http.test_site import listening

MOST = 100_000
HEAD = b"POST /file?a=1&a=2&b= HTTP/1.1\r\nHost: x\r\n"
MULTIPART = HEAD + b"Content-Type: multipart/form-data; boundary=bb\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
QUERY = {"a": ["1", "2"], "b": [""]}
Said = tuple[int, Any]


@asynccontextmanager
async def reading(form: Form) -> AsyncIterator[Callable[..., Any]]:
    """Serve one path that tells what it has read; yield what sends it bytes."""
    threads = ThreadPoolExecutor(1)

    async def tell(request: web.Request) -> web.StreamResponse:
        spool = Spool(MOST)
        try:
            given = await Body(request, threads).read(form, spool)
            spool.file.seek(0)
            data = spool.file.read()
            shown = data.decode() if len(data) < 20 else sha256(data).hexdigest()
            return web.json_response([given, spool.size, shown])
        except FileRefused as refused:
            return web.json_response([refused.code, refused.message], status=refused.status)
        finally:
            spool.close()

    async with listening(web.post("/file", tell), goes_on=True) as port:

        async def send(*parts: bytes, pause: float = 0.0) -> Said:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for part in parts:
                writer.write(part)
                await asyncio.sleep(pause)
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                said = await reader.readexactly(length)
            writer.close()
            body = json.loads(said) if said.startswith(b"[") else said
            return int(head.split()[1]), body

        yield send
    threads.shutdown()


def sized(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def part(name: str, value: bytes, *, filename: str = "") -> bytes:
    more = f'; filename="{filename}"' if filename else ""
    head = f'--bb\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + value + b"\r\n"


def parts(*each: bytes) -> bytes:
    return sized(MULTIPART, b"".join(each) + b"--bb--\r\n")


FILE = part("file", b"hello", filename="a.wav")


async def test_a_body_is_the_file():
    async with reading(upload.FORM) as send:
        assert await send(sized(HEAD, b"hello")) == (200, [QUERY, 5, "hello"])
        said = await send(CHUNKED + b"3\r\nhel\r\n", b"2\r\nlo\r\n0\r\n\r\n", pause=0.05)
        assert said == (200, [QUERY, 5, "hello"])


async def test_a_part_is_the_file_and_others_are_parameters():
    body = parts(part("b", b"3"), FILE, part("b", b"4"), part("c[]", "ü".encode()))
    given = {"a": ["1", "2"], "b": ["3", "4"], "c[]": ["ü"]}
    async with reading(openai.FORM) as send:
        assert await send(body) == (200, [given, 5, "hello"])
        pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
        assert await send(*pieces) == (200, [given, 5, "hello"])


async def test_a_large_file_arrives_whole():
    data = bytes(range(256)) * 390
    async with reading(upload.FORM) as send:
        for request in (sized(HEAD, data), parts(part("file", data, filename="a"))):
            assert await send(request) == (200, [QUERY, len(data), sha256(data).hexdigest()])


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (HEAD + b"\r\n", 400, "no_file"),
        (sized(HEAD, b""), 400, "no_file"),
        (sized(HEAD + b"Content-Encoding: gzip\r\n", b"hello"), 415, "unsupported_body"),
        (sized(HEAD + b"Content-Type: application/json\r\n", b"{}"), 415, "unsupported_body"),
        (HEAD + b"Content-Length: 9999999999\r\n\r\n", 413, "file_too_large"),
        (CHUNKED + b"20000\r\n" + bytes(0x20000) + b"\r\n", 413, "file_too_large"),
        (sized(HEAD + b"Content-Type: multipart/form-data\r\n", b"x"), 400, "invalid_body"),
        (sized(MULTIPART, b"hello"), 400, "invalid_body"),
        (sized(MULTIPART, FILE), 400, "invalid_body"),
        (parts(part("model", b"x")), 400, "no_file"),
        (parts(b"--bb\r\n\r\nhello\r\n"), 400, "no_file"),
        (parts(b"--bb\r\nno field\r\n\r\nhello\r\n"), 400, "invalid_body"),
        (parts(b"--bb\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"), 400, "invalid_body"),
        (parts(part("_charset_", b"\xff")), 400, "invalid_body"),
        (parts(part("a", b"\xff"), FILE), 400, "invalid_body"),
        (parts(part("a", bytes(70_000)), FILE), 400, "invalid_body"),
        (parts(*[part("a", b"x")] * 100), 400, "invalid_body"),
        (parts(b"--bb\r\nX: " + b"x" * 70_000 + b"\r\n\r\n\r\n"), 400, "invalid_body"),
        (parts(b"--bb\r\n" + b"X: x\r\n" * 1000 + b"\r\n\r\n"), 400, "invalid_body"),
        (parts(FILE, FILE), 400, "invalid_body"),
        (parts(part("file", bytes(200_000), filename="a")), 413, "file_too_large"),
    ],
)
async def test_what_cannot_be_read_is_told_so(request_, status, code):
    async with reading(upload.FORM) as send:
        answered, said = await send(request_)
        assert (answered, said[0]) == (status, code)


async def test_a_form_says_where_it_expects_the_file():
    async with reading(openai.FORM) as send:
        status, (code, text) = await send(sized(HEAD, b"hello"))
        assert (status, code) == (415, "unsupported_body")
        assert "multipart/form-data" in text
    bare = Form(path="", read=upload.read, refuse=upload.refuse, bare=True)
    async with reading(bare) as send:
        status, (code, text) = await send(parts(FILE))
        assert (status, code) == (415, "unsupported_body")


@pytest.mark.parametrize("head", [HEAD, MULTIPART])
async def test_a_sender_that_pauses_too_long_is_told(monkeypatch, head):
    monkeypatch.setattr(bodies, "_IDLE_S", 0.1)
    async with reading(upload.FORM) as send:
        status, (code, _) = await send(head + b"Content-Length: 100\r\n\r\n--bb")
        assert (status, code) == (408, "body_timeout")


async def test_a_sender_that_is_too_slow_is_told(monkeypatch):
    monkeypatch.setattr(bodies, "_IDLE_S", 0.5)
    monkeypatch.setattr(bodies, "_SLOWEST", 1 << 30)
    async with reading(upload.FORM) as send:
        request = [HEAD + b"Content-Length: 100\r\n\r\n", *[b"x"] * 20]
        status, (code, text) = await send(*request, pause=0.1)
        assert (status, code) == (408, "body_timeout")
        assert "bytes a second" in text
