"""Who follows the calls of a bench: readers over HTTP, a folder, or a receiver of webhooks.

Readers and the receiver are in this process, and drop what they get.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import aiohttp
from aiohttp import web

Kind = Literal["none", "sse", "websocket", "file", "webhook"]
KINDS: tuple[Kind, ...] = ("none", "sse", "websocket", "file", "webhook")

_Read = Callable[[aiohttp.ClientSession, str, "asyncio.Future[None]"], Awaitable[None]]


@dataclass(slots=True)
class Followers:
    """Those of one kind, one for each call; `flags`: of the gateway that serves them."""

    kind: Kind
    flags: tuple[str, ...] = ()
    told: int = 0
    """How many messages they were told so far."""

    @asynccontextmanager
    async def following(self, ports: Sequence[int]) -> AsyncIterator[None]:
        """Let readers follow each running call until this is left, all at the first gateway."""
        ways: dict[str, _Read] = {"sse": self._read_events, "websocket": self._read_messages}
        if self.kind not in ways:
            yield
            return
        base = f"http://127.0.0.1:{ports[0]}/v1/sessions"
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
            async with http.get(base) as answer:
                calls = [each["session_id"] for each in (await answer.json())["sessions"]]
            begun: list[asyncio.Future[None]] = []
            tasks: list[asyncio.Task[None]] = []
            for call in calls:
                begun.append(asyncio.get_running_loop().create_future())
                reading = _noting(ways[self.kind], http, f"{base}/{call}/events", begun[-1])
                tasks.append(asyncio.create_task(reading))
            try:
                await asyncio.gather(*begun)
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_events(
        self, http: aiohttp.ClientSession, url: str, begun: "asyncio.Future[None]"
    ) -> None:
        async with http.get(url) as answer:
            answer.raise_for_status()
            begun.set_result(None)
            async for line in answer.content:
                self.told += line.startswith(b"data:")

    async def _read_messages(
        self, http: aiohttp.ClientSession, url: str, begun: "asyncio.Future[None]"
    ) -> None:
        async with http.ws_connect(url) as socket:
            begun.set_result(None)
            async for _ in socket:
                self.told += 1

    async def take(self, request: web.Request) -> web.Response:
        """Take a message of a webhook."""
        await request.read()
        self.told += 1
        return web.Response()


async def _noting(
    read: _Read, http: aiohttp.ClientSession, url: str, begun: "asyncio.Future[None]"
) -> None:
    try:
        await read(http, url, begun)
    except Exception as error:
        if begun.done():
            raise
        begun.set_exception(error)


@asynccontextmanager
async def followers(kind: Kind) -> AsyncIterator[Followers]:
    """Yield the followers of a system that is still to be started."""
    found = Followers(kind)
    with tempfile.TemporaryDirectory(prefix="callscribe-bench-") as folder:
        if kind == "file":
            found.flags = ("--sinks", f"bench=file:{folder}")
        if kind != "webhook":
            yield found
            return
        async with _receiver(found) as url:
            networks = ("--webhook-networks", "127.0.0.0/8")
            secret = ("--webhook-secret-file", _secret_in(folder))
            found.flags = ("--webhook-url", url, *networks, *secret)
            yield found


def _secret_in(folder: str) -> str:
    path = Path(folder, "secret")
    path.write_text("whsec_" + "A" * 32)
    return str(path)


@asynccontextmanager
async def _receiver(found: Followers) -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes([web.post("/", found.take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()
