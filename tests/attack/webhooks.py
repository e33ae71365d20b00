"""Kin of webhooks: calls that would have the gateway ask addresses that only it can reach."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import cycle

from callscribe.local.child import free_ports
from tests.attack.guarded import ALLOWED, ALLOWED_NAME
from tests.attack.holdings import bearer
from tests.attack.registry import attack
from tests.attack.rude import BROKEN, Rude, Target

_INSIDE = "127.0.0.6"
"""Where nothing of a webhook may arrive."""
_PAUSE = 0.5


def forbidden(port: int) -> list[str]:
    """Return addresses inside, as they are spelled to pass for others."""
    number = int.from_bytes(bytes(map(int, _INSIDE.split("."))))
    return [
        f"http://{_INSIDE}:{port}/",
        f"http://{ALLOWED}@{_INSIDE}:{port}/",
        f"http://{ALLOWED}:80@{_INSIDE}:{port}/",
        f"http://{_INSIDE}:{port}#@{ALLOWED}/",
        f"http://{_INSIDE}:{port}\\@{ALLOWED}/",
        f"http://{ALLOWED}\\@{_INSIDE}:{port}/",
        f"http://{_INSIDE}:{port}?@{ALLOWED}/",
        f"http://{number}:{port}/",
        f"http://{number:#x}:{port}/",
        f"http://[::ffff:{_INSIDE}]:{port}/",
        f"http://{ALLOWED}.{_INSIDE}.nip.io:{port}/",
        f"http://{ALLOWED_NAME}:{port}/",
        f"http://{ALLOWED_NAME}.:{port}/",
        f"http://{ALLOWED}\r\nHost: {_INSIDE}:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        f"gopher://{ALLOWED}:{port}/",
    ]


@asynccontextmanager
async def _listening(target: Target) -> AsyncIterator[tuple[int, int]]:
    """Listen inside, and where webhooks may go with redirects to there; yield the ports."""
    inside, allowed = free_ports(2)

    async def arrive(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target.tally.breaches["a webhook arrived inside"] += 1
        writer.close()

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target.tally.statuses["redirected"] += 1
        with suppress(*BROKEN):
            await reader.readuntil(b"\r\n\r\n")
        there = f"Location: http://{_INSIDE}:{inside}/\r\nContent-Length: 0\r\n"
        writer.write(f"HTTP/1.1 307 Temporary Redirect\r\n{there}\r\n".encode())
        writer.close()

    # The name that is allowed leads to this machine, where nothing may arrive, either.
    own = await asyncio.start_server(arrive, [_INSIDE, "127.0.0.1"], inside)
    redirecting = await asyncio.start_server(redirect, ALLOWED, allowed)
    async with own, redirecting:
        yield inside, allowed


@attack("webhooks into the own network, by any spelling, a name, and redirects, 2 calls",
        guarded=True)  # fmt: skip
async def inner_webhooks(target: Target) -> None:
    async with _listening(target) as (inside, allowed):
        urls = cycle([f"http://{ALLOWED}:{allowed}/", *forbidden(inside)])

        async def visit(rude: Rude) -> None:
            headers = bearer(target.held.rude)
            if await rude.open_call("", headers, encoding="pcm16", webhook=next(urls)) is not None:
                await rude.hang_up()

        try:
            await target.again_and_again(visit, sockets=2, pause=_PAUSE)
        finally:
            if not target.tally.statuses["redirected"]:
                target.tally.breaches["no webhook was sent where it may, to be redirected"] += 1
