"""A feed of a real Redis, without the gateway around it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from common.options import SessionOptions
from common.redis.link import Link
from common.telemetry.metrics import BusMetrics, new_registry
from gateway.feed.feed import Feed
from gateway.protocols.commands import About, AudioFormat
from gateway.record import SessionRecord

RECORD = SessionRecord(
    options=SessionOptions(),
    audio=AudioFormat("pcm16", 16_000, 1),
    events=frozenset(),
    about=About(),
    stages=frozenset(),
    doorbell="gw",
)
"""The record of a call of the gateway `gw`."""


@asynccontextmanager
async def sweeping(link: Link) -> AsyncIterator[Feed]:
    """Run the feed of the gateway `gw`, which hears no doorbell and sweeps."""
    metrics = BusMetrics.build(new_registry(version="0", service="gateway"))
    feed = Feed(link, "gw", metrics, cast(Any, None))
    sweep = asyncio.create_task(feed.sweep())
    yield feed
    sweep.cancel()
    await asyncio.gather(sweep, return_exceptions=True)
