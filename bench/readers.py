"""Readers of the calls of a bench, over server-sent events; they drop what they get."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp


@asynccontextmanager
async def following(ports: Sequence[int], readers: int) -> AsyncIterator[None]:
    """Let `readers` follow each running call until this is left, each at the first gateway."""
    if not readers:
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
        for call in calls * readers:
            begun.append(asyncio.get_running_loop().create_future())
            tasks.append(asyncio.create_task(_read(http, f"{base}/{call}/events", begun[-1])))
        try:
            await asyncio.gather(*begun)
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _read(http: aiohttp.ClientSession, url: str, begun: "asyncio.Future[None]") -> None:
    try:
        async with http.get(url) as answer:
            answer.raise_for_status()
            begun.set_result(None)
            async for _ in answer.content.iter_any():
                pass
    except Exception as error:
        if begun.done():
            raise
        begun.set_exception(error)
