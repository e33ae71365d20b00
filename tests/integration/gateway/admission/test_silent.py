"""One client opens calls and says nothing: it gets its share, and others are let in beside it."""

import asyncio
import json
from contextlib import AsyncExitStack

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from bench.stack import local_stack
from callscribe.local.stack import running_stack

_LEGS = 3
_POLITE, _RUDE = "127.0.0.1", "127.0.0.2"
_CONFIG = json.dumps({"type": "config", "encoding": "pcm16", "sample_rate": 16_000})


async def _open(url: str, address: str) -> ClientConnection | str:
    """Open a call from an address; return its connection, or the reason of the refusal."""
    try:
        connection = await connect(url, local_addr=(address, 0), proxy=None)
    except InvalidStatus as refused:
        return (refused.response.body or b"").decode().removeprefix("refused: ").strip()
    await connection.send(_CONFIG)
    assert json.loads(await connection.recv())["type"] == "session_created"
    return connection


async def test_silent_calls_of_one_client_keep_nobody_else_out():
    async with (
        running_stack(local_stack(ASR_LEGS=f"{_LEGS}")) as stack,
        AsyncExitStack() as open_calls,
    ):
        url = stack.url.replace("http", "ws", 1) + "/ws/asr"
        held, reasons = 0, set[str]()

        async def try_on() -> None:
            nonlocal held
            while True:
                call = await _open(url, _RUDE)
                if isinstance(call, str):
                    reasons.add(call)
                    await asyncio.sleep(0.05)
                else:
                    open_calls.push_async_callback(call.close)
                    held += 1

        rude = asyncio.create_task(try_on())
        async with asyncio.timeout(30):
            while not reasons:
                await asyncio.sleep(0.01)
            for _ in range(2):
                while isinstance(call := await _open(url, _POLITE), str):
                    await asyncio.sleep(0.05)
                open_calls.push_async_callback(call.close)
                await call.send(bytes(3200))
        rude.cancel()
        await asyncio.gather(rude, return_exceptions=True)
        assert held == _LEGS
        assert reasons == {"asr_legs"}
