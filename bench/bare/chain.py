"""What the processes of the bare chain share: keys, and a connection to Redis."""

import asyncio
from collections.abc import AsyncIterator

from common.redis.address import Address
from common.redis.pipe import Pipe, open_pipe

OUT = b"bare:out"
"""The doorbell of the gateway, whose fields are a call and what its client is told."""
ENDED = b"bare:ended"
"""The doorbell of the recogniser: a call, and the utterance that ended."""
READY = b"bare:ready"
"""Counts the workers that are up."""
GROUP = b"g"
TIMEOUT = 30.0


def audio_of(call: bytes) -> bytes:
    """Return the key of a call's audio."""
    return b"bare:audio:{%b}" % call


def offers_to(worker: str) -> bytes:
    """Return the key of the stream in which calls are offered to the workers of a kind."""
    return f"bare:{worker}".encode()


async def connected(address: Address) -> Pipe:
    """Return a new connection to Redis."""
    pipe, _ = await open_pipe(address, [("PING",)], TIMEOUT)
    return pipe


async def ticks(period: float) -> AsyncIterator[None]:
    """Yield once in `period` seconds; ticks that are too late are left out."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        due = max(due + period, loop.time())
        await asyncio.sleep(due - loop.time())
        yield
