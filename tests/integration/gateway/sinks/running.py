"""Sinks at work, as a gateway runs them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from common.redis.link import Link
from gateway.calls.directory import Directory
from gateway.feed.feed import Feed
from gateway.sinks.every_call import Terms
from gateway.sinks.filters import Filter
from gateway.sinks.service import SinkService
from gateway.sinks.sink import Sink
from gateway.sinks.tally import Tally

RETENTION = 60


def terms(
    name: str, counted: Callable[[str], None] = lambda outcome: None, which: Filter | None = None
) -> Terms:
    """Return the terms of a sink that is tried for a minute."""
    return Terms(name, which or Filter(), Tally(counted), 60.0)


@asynccontextmanager
async def attending(
    link: Link, feed: Feed, sink: Sink, *, every: Sequence[str] = ()
) -> AsyncIterator[SinkService]:
    """Run a gateway's part of a sink; let others go on with it on leaving."""
    directory = Directory(link, cast(Any, SimpleNamespace()))
    service = SinkService(
        link, feed, directory, sink, every=every or (sink.name,), retention=RETENTION
    )
    running = asyncio.create_task(service.run())
    try:
        yield service
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await service.leave()
