"""Kin of calls: opened and left by the hundred, broken off, taken from each other."""

import asyncio
import secrets
import time
from contextlib import suppress

from tests.attack import wire
from tests.attack.registry import attack
from tests.attack.rude import PATH, Rude, Target

_LINES = 8
_BREAK_OFF = 250
_SILENT = 300


async def _churn(target: Target, opening: bytes) -> None:
    """Open connections, say this, and break off, some hundred times a second."""

    async def line() -> None:
        while True:
            with suppress(OSError):
                async with await target.dial() as rude:
                    await rude.send(opening, 1)
                    await asyncio.sleep(0.01)

    await asyncio.gather(*(line() for _ in range(_LINES)))


@attack("TCP connections opened and reset, hundreds a second")
async def tcp_churn(target: Target) -> None:
    await _churn(target, b"")


@attack("handshakes begun and reset, hundreds a second")
async def handshake_churn(target: Target) -> None:
    await _churn(target, wire.upgrade(PATH))


@attack("plain requests reset before their answer, hundreds a second")
async def request_churn(target: Target) -> None:
    await _churn(target, wire.request("/metrics"))


@attack("calls opened and broken off without end, 8 sockets")
async def call_churn(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        if await rude.open_call() is None:
            await asyncio.sleep(0.1)

    await target.again_and_again(visit, sockets=_LINES, pause=0.0)


@attack("calls opened and hung up in order, as fast as the server answers")
async def polite_churn(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        if await rude.open_call() is not None:
            await rude.hang_up()

    await target.again_and_again(visit, sockets=4, pause=0.0)


async def _hurry(target: Target, data: bytes) -> None:
    """Say all of this in one go, and that no more comes; read to the end, again and again."""

    async def visit(rude: Rude) -> None:
        await rude.send(data, 1)
        rude.end_of_file()
        await rude.ended()

    await target.again_and_again(visit, sockets=_LINES, pause=0.0)


@attack("a call, its audio and its close in one segment, hundreds a second")
async def hurried_calls(target: Target) -> None:
    config = wire.text({"type": "config", "encoding": "pcm16"})
    close = wire.frame(wire.CLOSE, (1000).to_bytes(2, "big"))
    audio = wire.frame(wire.BINARY, bytes(3200))
    await _hurry(target, wire.upgrade(PATH) + config + audio + close)


@attack("handshakes of clients that say they send no more, hundreds a second")
async def hurried_handshakes(target: Target) -> None:
    await _hurry(target, wire.upgrade(PATH))


@attack("plain requests of clients that say they send no more, hundreds a second")
async def hurried_requests(target: Target) -> None:
    await _hurry(target, wire.request("/health"))


@attack("250 calls broken off without a close, which wait for their client", short=True)
async def broken_off_calls(target: Target) -> None:
    opened = 0

    async def line() -> None:
        nonlocal opened
        while opened < _BREAK_OFF:
            with suppress(OSError, asyncio.IncompleteReadError):
                async with await target.dial() as rude:
                    if await rude.open_call() is not None:
                        opened += 1
                        continue
            await asyncio.sleep(0.1)

    await asyncio.gather(*(line() for _ in range(_LINES)))
    await asyncio.Event().wait()


@attack("300 open calls that say nothing")
async def silent_calls(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        if await rude.open_call() is not None:
            await rude.ended()

    await target.again_and_again(visit, sockets=_SILENT)


@attack("two sockets that take one call from each other by its token", short=True)
async def takeovers(target: Target) -> None:
    token = ""
    while not token:
        with suppress(OSError, asyncio.IncompleteReadError):
            async with await target.dial() as first:
                created = await first.open_call()
                token = created["resume_token"] if created else ""
        await asyncio.sleep(0.05)

    async def visit(rude: Rude) -> None:
        attempt = time.time_ns() // 1000
        if await rude.open_call("?resume=1", resume=token, attempt=attempt) is not None:
            await rude.ended()

    await target.again_and_again(visit, sockets=2, pause=0.0)


@attack("resume with tokens that are made up, 8 sockets")
async def token_storm(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        token = f"{secrets.token_hex(16)}.{secrets.token_urlsafe(18)}"
        await rude.open_call("?resume=1", resume=token)

    await target.again_and_again(visit, sockets=8, pause=0.0)


@attack("new calls at the address of resumed ones, which is let past the check for room, 8 sockets")
async def false_resumes(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        await rude.open_call("?resume=1")

    await target.again_and_again(visit, sockets=8, pause=0.0)


@attack("handshakes that say they resume, and then nothing, 200 sockets")
async def idle_resumes(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        if await rude.upgrade("?resume=1"):
            await rude.ended()
        else:
            await asyncio.sleep(1.0)

    await target.again_and_again(visit, sockets=200)
