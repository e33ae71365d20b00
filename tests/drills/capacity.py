"""Drills of what is full, or soon will be: slots, Redis, and stages that fall behind."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress

from websockets.exceptions import InvalidStatus

from tests.drills.registry import drill
from tests.drills.system import GOOD, System
from tests.integration.callscribe.processes import until_true
from tests.integration.pipeline.calls import config, line

_MAXMEMORY = 64 << 20
_PIECE = 1 << 20
_HALF, _MOST = 0.45, 0.78
"""Shares of maxmemory between which Redis is filled slowly; then it is full enough for a page."""


@drill(
    "StageFull/ticket",
    "StageFillsUp/ticket",
    says="a call more comes each 3 s until every slot of VAD is taken",
)
async def slots_taken(system: System, fired: Callable[[], bool]) -> None:
    async with asyncio.timeout(90), AsyncExitStack() as calls:
        while not fired():
            with suppress(InvalidStatus):  # refused: calls of other drills have the last slots
                client = await calls.enter_async_context(line(system.url))
                await client.say(config())
                await client.hear("session_created")
            await asyncio.sleep(3.0)


@drill("StageBehind/page", says="the VAD workers get a tenth of their time")
async def starved(system: System, fired: Callable[[], bool]) -> None:
    async with asyncio.timeout(60), system.talking(GOOD, 3):
        while not fired():
            for number, seconds in ((signal.SIGSTOP, 0.9), (signal.SIGCONT, 0.15)):
                for each in system.vads:
                    each.send(number)
                await asyncio.sleep(seconds)


@drill(
    "RedisMemoryHigh/page",
    "RedisMemoryFillsUp/ticket",
    says="another program fills Redis, a megabyte at a time",
    beside=True,
)
async def memory(system: System, fired: Callable[[], bool]) -> None:
    client, filler = system.redis, os.urandom(_PIECE)
    client.config_set("maxmemory", _MAXMEMORY)
    pieces = 0
    try:
        while client.info("memory")["used_memory"] < _MOST * _MAXMEMORY:
            client.set(f"other:{pieces}", filler, ex=600)
            pieces += 1
            full = client.info("memory")["used_memory"] / _MAXMEMORY
            await asyncio.sleep(0.0 if full < _HALF else 2.0)
        await until_true(fired, 60)
    finally:
        client.delete(*(f"other:{n}" for n in range(pieces)))
        client.config_set("maxmemory", 0)


@drill("RedisTrouble/page", says="Redis is killed and stays away")
async def redis_away(system: System, fired: Callable[[], bool]) -> None:
    os.killpg(system.server.pid, signal.SIGKILL)
    await until_true(lambda: system.server.exit_code() is not None)
    try:
        await until_true(fired, 60)
    finally:
        system.server.restart()
        await until_true(system.gateway.ready, 60)


@drill("RedisTrouble/page", says="Redis has no replica, and refuses writes without one")
async def writes_refused(system: System, fired: Callable[[], bool]) -> None:
    system.redis.config_set("min-replicas-to-write", 1)
    try:
        await until_true(fired, 60)
    finally:
        system.redis.config_set("min-replicas-to-write", 0)
        await until_true(system.gateway.ready, 60)
