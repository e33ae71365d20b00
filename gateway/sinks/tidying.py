"""Removes what is older than a deployment keeps it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from gateway.sinks.storage import Storage, Unavailable

_EVERY_S = 3600.0
_FIRST_S = 60.0
"""A gateway that is only checked removes nothing."""


def days_of(text: str) -> int:
    """Read for how many days files are kept. Raises ValueError."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 36_500):
        raise ValueError(f"days={text} is no number of days from 1 to 36500")
    return int(text)


@asynccontextmanager
async def tidied(
    storage: Storage,
    days: int | None,
    suffixes: tuple[str, ...],
    failed: Callable[[Exception], None],
) -> AsyncGenerator[None]:
    """Open a storage; meanwhile remove its files of calls that began more than `days` days ago.

    None keeps them. Only files whose names end in `suffixes` are. `failed` gets what is wrong.
    """
    async with storage.opened():
        if days is None:
            yield
            return
        tidying = asyncio.create_task(_tidy(storage, timedelta(days), suffixes, failed))
        try:
            yield
        finally:
            tidying.cancel()


async def _tidy(
    storage: Storage,
    kept: timedelta,
    suffixes: tuple[str, ...],
    failed: Callable[[Exception], None],
) -> None:
    await asyncio.sleep(_FIRST_S)
    while True:
        oldest = (datetime.now(UTC) - kept).date().isoformat()
        try:
            await storage.expire(oldest, suffixes)
        except Unavailable as error:
            failed(error)
        await asyncio.sleep(_EVERY_S)
