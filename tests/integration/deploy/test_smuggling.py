"""Requests that two servers may read differently, sent through nginx to the gateway.

A connection carries a request that is meant to be hidden inside another one. It was smuggled if it
is answered to somebody else, or is answered though nginx did not see it.
"""

import asyncio
import re
import ssl
from collections.abc import Iterator

import pytest

from tests.integration.conftest import RunningStack
from tests.integration.deploy.proxy import Nginx, nginx_before

HIDDEN = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
"""nginx answers 404 for this path, and the gateway 200."""
MARK = b"callscribe_build_info"
"""Stands in the answer of the gateway to what is hidden."""
PATHS = (b"/health", b"/v1/listen?encoding=linear16&sample_rate=16000", b"/ws/asr")


def head(path: bytes, *fields: bytes, method: bytes = b"POST") -> bytes:
    return b"\r\n".join(
        [method + b" " + path + b" HTTP/1.1", b"Host: localhost", *fields, b"", b""]
    )


def attempts(path: bytes) -> dict[str, bytes]:
    """Return requests with another one hidden inside, by the trick that hides it."""
    length = b"Content-Length: %d"
    short = b"0\r\n\r\n" + HIDDEN
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
    chunked = b"Transfer-Encoding: chunked"
    sized = length % len(HIDDEN)
    upgrade = (b"Connection: Upgrade", b"Upgrade: websocket")
    return {
        "CL.TE": head(path, length % len(short), chunked) + short,
        "TE.CL": head(path, chunked, b"Content-Length: 4") + chunk,
        "CL.CL": head(path, b"Content-Length: 0", sized) + HIDDEN,
        "CL list": head(path, b"Content-Length: 0, %d" % len(HIDDEN)) + HIDDEN,
        "CL with a sign": head(path, b"Content-Length: +%d" % len(HIDDEN)) + HIDDEN,
        "CL in hex": head(path, b"Content-Length: 0x%x" % len(HIDDEN)) + HIDDEN,
        "CL folded": head(path, b"X: y", b" " + sized) + HIDDEN,
        "TE folded": head(path, length % len(short), b"Transfer-Encoding:", b" chunked") + short,
        "TE with a tab": head(path, sized, b"Transfer-Encoding:\tchunked") + short,
        "TE before a colon": head(path, length % len(short), b"Transfer-Encoding : chunked")
        + short,
        "TE twice": head(path, length % len(short), chunked, b"Transfer-Encoding: x") + short,
        "TE unknown": head(path, length % len(short), b"Transfer-Encoding: xchunked") + short,
        "TE, gzip": head(path, sized, b"Transfer-Encoding: gzip, chunked") + short,
        "line feeds": head(path, length % len(short), b"X: y\nTransfer-Encoding: chunked") + short,
        "carriage return": head(path, sized, b"X: y\rTransfer-Encoding: chunked") + short,
        "null": head(path, sized, b"X: \x00\r\nTransfer-Encoding: chunked") + short,
        "chunk extension": head(path, chunked) + b"0;a=\n" + HIDDEN + b"\r\n\r\n",
        "chunk size": head(path, chunked) + b"0x0\r\n\r\n" + HIDDEN,
        "trailer": head(path, chunked) + b"0\r\nContent-Length: 60\r\n\r\n" + HIDDEN,
        "GET with a body": head(path, sized, method=b"GET") + HIDDEN,
        "HEAD with a body": head(path, sized, method=b"HEAD") + HIDDEN,
        "no body": head(path, method=b"GET") + HIDDEN,
        "upgrade": head(path, *upgrade, method=b"GET") + HIDDEN,
        "upgrade with a body": head(path, *upgrade, sized, method=b"GET") + HIDDEN,
        "upgrade, wrong version": head(path, *upgrade, b"Sec-WebSocket-Version: 777", method=b"GET")
        + HIDDEN,
        "h2c": head(path, b"Connection: Upgrade", b"Upgrade: h2c", method=b"GET") + HIDDEN,
        "Connection: X-Forwarded-For": head(
            path, b"Connection: close, X-Forwarded-For", method=b"GET"
        ),
    }


STATUS = re.compile(rb"HTTP/1\.[01] \d{3} ")


@pytest.fixture(scope="module")
def nginx(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginx_before(stack.port, tmp_path_factory.mktemp("nginx")) as running:
        yield running


async def exchange(port: int, data: bytes, *, tls: bool, patience: float = 1.0) -> bytes:
    """Send bytes; return what is answered until the connection ends or nothing more comes."""
    context = ssl.create_default_context() if tls else None
    if context is not None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(data)
    said = b""
    try:
        while True:
            async with asyncio.timeout(patience if said else 10):
                if not (more := await reader.read(65_536)):
                    break
                said += more
    except (TimeoutError, ConnectionError, ssl.SSLError):
        pass
    writer.transport.abort()
    return said


async def answers(port: int, path: bytes, *, tls: bool) -> dict[str, bytes]:
    """Make every attempt; return what was answered."""
    tries = attempts(path)
    said = await asyncio.gather(*(exchange(port, data, tls=tls) for data in tries.values()))
    return dict(zip(tries, said, strict=True))


@pytest.mark.parametrize("path", PATHS)
async def test_no_request_hides_in_another(nginx: Nginx, path: bytes):
    said = await answers(nginx.port, path, tls=True)
    assert [name for name, answer in said.items() if not STATUS.match(answer)] == []
    assert [name for name, answer in said.items() if MARK in answer] == []
    # What is left of one in a connection to the gateway would be answered to the next client.
    health = head(b"/health", b"Connection: close", method=b"GET")
    others = await asyncio.gather(*(exchange(nginx.port, health, tls=True) for _ in said))
    assert {other.split(b"\r\n")[0] for other in others} == {b"HTTP/1.1 200 OK"}
    assert [other for other in others if MARK in other] == []


@pytest.mark.parametrize("path", PATHS)
async def test_the_gateway_answers_one_request_of_a_connection(stack: RunningStack, path: bytes):
    said = await answers(stack.port, path, tls=False)
    assert [name for name, answer in said.items() if len(STATUS.findall(answer)) > 1] == []
    assert [name for name, answer in said.items() if MARK in answer] == []


async def test_what_is_hidden_would_be_seen(stack: RunningStack):
    assert MARK in await exchange(stack.port, HIDDEN, tls=False)
