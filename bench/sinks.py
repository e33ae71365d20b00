"""Sinks of the calls of a bench: a folder, or a receiver of webhooks in this process."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from aiohttp import web

Kind = Literal["none", "file", "webhook"]
KINDS: tuple[Kind, ...] = ("none", "file", "webhook")


@asynccontextmanager
async def taking(kind: Kind) -> AsyncIterator[tuple[str, ...]]:
    """Yield the flags of a gateway that bring every call to a sink until this is left."""
    with tempfile.TemporaryDirectory(prefix="callscribe-bench-") as folder:
        if kind == "none":
            yield ()
        elif kind == "file":
            yield ("--sinks", f"bench=file:{folder}")
        else:
            async with _receiver() as url:
                networks = ("--webhook-networks", "127.0.0.0/8")
                secret = ("--webhook-secret-file", _secret_in(folder))
                yield ("--webhook-url", url, *networks, *secret)


def _secret_in(folder: str) -> str:
    path = Path(folder, "secret")
    path.write_text("whsec_" + "A" * 32)
    return str(path)


@asynccontextmanager
async def _receiver() -> AsyncIterator[str]:
    runner = web.AppRunner(_taking_all(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


def _taking_all() -> web.Application:
    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/", take)])
    return app
