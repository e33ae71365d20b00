"""Kin of small frames: each costs the sender next to nothing and the server a turn of its loop."""

import asyncio

from tests.attack import wire
from tests.attack.registry import attack
from tests.attack.rude import Rude, Target
from tests.attack.wire import BINARY, CONT, PING, PONG, TEXT, frame


@attack("empty continuation frames without end, 3 sockets", short=True)
async def empty_continuations(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        await rude.send(frame(TEXT, fin=False))
        await rude.flood(frame(CONT, fin=False))

    await target.calls(visit, sockets=3)


@attack("empty text messages, 3 sockets")
async def empty_texts(target: Target) -> None:
    await target.calls(lambda rude: rude.flood(frame(TEXT)), sockets=3)


@attack("pings, 4 sockets that read the pongs", short=True)
async def pings(target: Target) -> None:
    await target.calls(lambda rude: rude.flood(frame(PING, b"ping")), sockets=4)


@attack("pongs that nobody asked for, 4 sockets")
async def pongs(target: Target) -> None:
    await target.calls(lambda rude: rude.flood(frame(PONG, b"pong")), sockets=4)


@attack("pings, 4 sockets that never read the pongs")
async def unread_pongs(target: Target) -> None:
    await target.calls(
        lambda rude: rude.flood(frame(PING, bytes(125)), reads=False),
        sockets=4,
    )


@attack("binary messages of one byte, 3 sockets")
async def one_byte_messages(target: Target) -> None:
    await target.calls(lambda rude: rude.flood(frame(BINARY, b"\0")), sockets=3)


@attack("binary messages of no byte, 3 sockets")
async def empty_messages(target: Target) -> None:
    await target.calls(lambda rude: rude.flood(frame(BINARY)), sockets=3)


@attack("audio with each byte in a TCP segment of its own, 4 sockets")
async def one_byte_segments(target: Target) -> None:
    message = frame(BINARY, bytes(160))

    async def visit(rude: Rude) -> None:
        rude.read_on()
        while True:
            for at in range(len(message)):
                await rude.send(message[at : at + 1])
            rude.tally.messages += 1

    await target.calls(visit, sockets=4)


@attack("text messages that are no JSON, 2 sockets", short=True)
async def bad_messages(target: Target) -> None:
    await target.calls(lambda rude: rude.flood(wire.text("{")), sockets=2)


@attack("pings before the call is opened, 4 sockets")
async def early_pings(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        if await rude.upgrade():
            await rude.flood(frame(PING))
        else:
            await asyncio.sleep(0.25)

    await target.again_and_again(visit, sockets=4)
