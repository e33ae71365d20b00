"""Kin of HTTP: requests with too much behind or inside them, and connections that say little."""

import asyncio
import resource
from contextlib import suppress
from itertools import count

from tests.attack import wire
from tests.attack.registry import attack
from tests.attack.rude import PATH, Rude, Target

_PAUSE = 0.02
_WAVE = 100
"""Sockets that are opened together: a server's queue of new ones has about so many places."""
_OTHER_FILES = 64
"""Open files that are no attacker's sockets."""


async def _ask(target: Target, data: bytes, *, sockets: int = 4) -> None:
    """Send this and read until the server ends the connection, again and again."""

    async def visit(rude: Rude) -> None:
        await rude.send(data, 1)
        await rude.status()
        await rude.ended()

    await target.again_and_again(visit, sockets=sockets, pause=_PAUSE)


@attack("GET /health with a body behind it, 4 sockets", short=True)
async def request_bodies(target: Target) -> None:
    body = b"b" * 4000
    await _ask(target, wire.request("/health", (f"Content-Length: {len(body)}",)) + body)


@attack("50 GET /health in one go, 4 sockets", short=True)
async def pipelined_requests(target: Target) -> None:
    await _ask(target, wire.request("/health") * 50)


@attack("a handshake with a plain request behind it, 4 sockets")
async def pipelined_handshakes(target: Target) -> None:
    await _ask(target, wire.upgrade(PATH) + wire.request("/health"))


@attack("bytes that go on behind GET /health, 4 sockets")
async def endless_bodies(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        await rude.send(wire.request("/health", ("Transfer-Encoding: chunked",)), 1)
        await rude.flood(b"10\r\n" + b"0" * 16 + b"\r\n")

    await target.again_and_again(visit, sockets=4, pause=_PAUSE)


@attack("POST, PUT and other methods, with bodies, 4 sockets")
async def other_methods(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        methods = ("POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PATCH")
        method = methods[rude.tally.messages % len(methods)]
        body = b"" if method in ("HEAD", "OPTIONS") else b"x" * 100
        head = wire.request("/health", (f"Content-Length: {len(body)}",), method=method)
        await rude.send(head + body, 1)
        await rude.status()
        await rude.ended()

    await target.again_and_again(visit, sockets=4, pause=_PAUSE)


@attack("bytes that are no HTTP, 4 sockets")
async def garbage(target: Target) -> None:
    openings = (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200) + b"\r\n\r\n",
        b"\r\n" * 200,
        b"GET\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    )

    async def visit(rude: Rude) -> None:
        opening = openings[rude.tally.messages % len(openings)]
        await rude.send(opening, 1)
        await rude.status()
        await rude.ended()

    await target.again_and_again(visit, sockets=4, pause=_PAUSE)


@attack("1000 headers in one request, 4 sockets")
async def many_headers(target: Target) -> None:
    await _ask(target, wire.request("/health", tuple(f"X-{n}: {n}" for n in range(1000))))


@attack("30 kB of cookies in one request, as 100 headers and as 4, 4 sockets")
async def cookies(target: Target) -> None:
    numbers, heads = count(), cookie_heads()

    async def visit(rude: Rude) -> None:
        await rude.send(heads[next(numbers) % len(heads)], 1)
        await rude.status()  # and hang up: a handshake that is agreed to stays open

    await target.again_and_again(visit, sockets=4, pause=_PAUSE)


def cookie_heads() -> list[bytes]:
    """Return requests and handshakes with 30 kB of cookies, within what a header may have."""
    crumbs = [f"name{number}=value{number}; path=x; domain=y" for number in range(1000, 1800)]
    heads = []
    for lines in (100, 4):
        parts = [crumbs[at::lines] for at in range(lines)]
        fields = tuple(f"Cookie: {'; '.join(part)}" for part in parts)
        heads += [wire.request("/health", fields), wire.upgrade(PATH, fields)]
    return heads


@attack("headers of 64 kB, 4 sockets")
async def long_headers(target: Target) -> None:
    await _ask(target, wire.upgrade(PATH, ("X-Long: " + "h" * 65536,)))


@attack("a path of 64 kB, 4 sockets")
async def long_paths(target: Target) -> None:
    await _ask(target, wire.request("/" + "p" * 65536))


@attack("200 handshakes of one byte a second")
async def slow_handshakes(target: Target) -> None:
    head = wire.upgrade(PATH)

    async def visit(rude: Rude) -> None:
        rude.read_on()
        for at in range(len(head)):
            await rude.send(head[at : at + 1])
            await asyncio.sleep(1.0)

    await target.again_and_again(visit, sockets=200)


@attack("300 TCP connections that say nothing")
async def idle_sockets(target: Target) -> None:
    await target.again_and_again(lambda rude: rude.ended(), sockets=300)


@attack("10 000 TCP connections that say nothing, or as many as there may be open files")
async def flood_of_sockets(target: Target) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    waves = min(10_000, most - _OTHER_FILES) // _WAVE
    async with asyncio.TaskGroup() as tasks:
        for _ in range(waves):
            wave = target.again_and_again(lambda rude: rude.ended(), sockets=_WAVE, pause=1.0)
            tasks.create_task(wave)
            await asyncio.sleep(_PAUSE)
        await asyncio.Event().wait()


@attack("200 WebSockets that open no call")
async def idle_websockets(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        if await rude.upgrade():
            await rude.ended()
        else:
            await asyncio.sleep(1.0)

    await target.again_and_again(visit, sockets=200)


@attack("a handshake, then the socket is half closed, 4 sockets")
async def half_closed(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        if await rude.upgrade():
            with suppress(OSError):
                rude.end_of_file()
            await rude.ended()

    await target.again_and_again(visit, sockets=4, pause=_PAUSE)
