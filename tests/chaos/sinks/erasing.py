"""Erases calls as an operator does, and waits for what their sinks report."""

import asyncio
import time
from collections.abc import Callable, Collection

import aiohttp

_POLL = 0.5


async def erase(page: Callable[[str], str], sessions: Collection[str]) -> list[str]:
    """Erase calls at a gateway, whose URLs `page` makes; return what it refuses."""
    found = []
    async with aiohttp.ClientSession() as http:
        for session in sessions:
            async with http.delete(page(f"/v1/sessions/{session}")) as answer:
                if answer.status not in (200, 202):
                    found.append(f"{session} cannot be erased: {await answer.text()}")
    return found


async def settled(
    page: Callable[[str], str], sessions: Collection[str], patience: float
) -> list[str]:
    """Wait until every sink has done its part, for `patience` seconds; return what it has not."""
    end = time.monotonic() + patience
    async with aiohttp.ClientSession() as http:
        while True:
            reports = []
            for session in sessions:
                async with http.get(page(f"/v1/sessions/{session}/erasure")) as answer:
                    reports.append(await answer.json())
            found = [f"not erased: {each}" for each in reports if not each.get("done")]
            if not found or time.monotonic() > end:
                return found
            await asyncio.sleep(_POLL)
