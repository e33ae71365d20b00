"""One call of a command: opened when there is room, shown while it goes on."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager

from callscribe.client import Call, Refused, connect
from callscribe.client.latency import Latencies
from callscribe.client.messages import Error, Gap
from callscribe.client.options import Options
from callscribe.commands.render import Sheet
from callscribe.commands.server_flags import Server

CHANNEL_NAMES = {1: ("speaker",), 2: ("agent", "caller")}
"""What channels are called where the call has no labels."""

PATIENCE = 60.0
"""Seconds that a recording waits for room."""


@asynccontextmanager
async def admitted(
    server: Server,
    options: Options,
    *,
    resume: bool,
    patience: float = PATIENCE,
    tell: Callable[[str], None],
) -> AsyncIterator[Call]:
    """Open a call; while the server has no room for it, wait for `patience` seconds at most; `tell`
    gets a line each time.

    Raises what `callscribe.client.connect` raises.
    """
    give_up = time.monotonic() + patience
    while True:
        calling = connect(
            server.urls, options, tls=server.tls, api_key=server.api_key, resume=resume
        )
        try:
            call = await calling.__aenter__()
            break
        except Refused as refused:
            if time.monotonic() + refused.retry_after > give_up:
                raise
            tell(f"{refused}; trying again in {refused.retry_after:g} s")
            await asyncio.sleep(refused.retry_after)
    try:
        yield call
    finally:
        await calling.__aexit__(None, None, None)


async def converse(
    call: Call, source: AsyncIterable[bytes], sheet: Sheet, latencies: Latencies
) -> bool:
    """Send a source to its end and show the events; return whether all of it was transcribed.

    The sheet ends the call, whatever happens. Raises what `Call.transcribe` raises.
    """
    faultless, ended = True, False
    try:
        async for event in call.transcribe(source):
            sheet.show(call.session_id, event, latencies.note(event, time.monotonic()))
            faultless = faultless and not isinstance(event, Error | Gap)
        ended = True
    finally:
        sheet.end(call.session_id, complete=ended)
    return faultless
