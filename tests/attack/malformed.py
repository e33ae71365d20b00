"""Kin of frames that RFC 6455 forbids: each should end its connection, with a code, and no more."""

import zlib

from tests.attack.registry import attack
from tests.attack.rude import Rude, Target
from tests.attack.wire import BINARY, CONT, PING, TEXT, frame

_BIG = 1 << 62
_BOMB = 256 << 20
"""Bytes that a deflate bomb grows to."""


async def _objectionable(target: Target, data: bytes) -> None:
    async def visit(rude: Rude) -> None:
        await rude.send(data, 1)
        await rude.ended()

    await target.calls(visit, sockets=3)


@attack("frames that claim 2^62 bytes, or set the forbidden highest bit of the length")
async def oversized_frames(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        claimed = _BIG if rude.tally.messages % 2 else _BIG << 1
        await rude.send(frame(BINARY, bytes(1 << 16), length=claimed), 1)
        await rude.ended()

    await target.calls(visit, sockets=3)


@attack("frames with reserved bits set")
async def reserved_bits(target: Target) -> None:
    await _objectionable(target, frame(TEXT, b"{}", rsv=7))


@attack("frames without a mask")
async def unmasked_frames(target: Target) -> None:
    await _objectionable(target, frame(BINARY, bytes(320), masked=False))


@attack("pings of more than 125 bytes")
async def long_controls(target: Target) -> None:
    await _objectionable(target, frame(PING, bytes(126)))


@attack("pings in fragments")
async def fragmented_controls(target: Target) -> None:
    await _objectionable(target, frame(PING, fin=False) + frame(CONT))


@attack("opcodes that nothing is defined for")
async def unknown_opcodes(target: Target) -> None:
    await _objectionable(target, frame(0x3, b"?") + frame(0xB, b"?"))


@attack("text messages that are not UTF-8")
async def invalid_utf8(target: Target) -> None:
    await _objectionable(target, frame(TEXT, b'{"type":"\xff\xfe\xed\xa0\x80"}'))


@attack("messages of 2 MiB, twice the limit")
async def oversized_messages(target: Target) -> None:
    await _objectionable(target, frame(BINARY, bytes(2 << 20)))


@attack("permessage-deflate offered with every parameter, then bombs of 256 MiB")
async def deflate_bombs(target: Target) -> None:
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15"
    deflate = zlib.compressobj(9, wbits=-15)
    block = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    # A full flush ends a block that needs nothing from before it, so that it may be repeated.
    bomb = frame(TEXT, (block * (_BOMB >> 20))[:-4], rsv=4)

    async def visit(rude: Rude) -> None:
        if await rude.upgrade(headers=(offer,)):
            await rude.send(bomb, 1)
            await rude.ended()

    await target.again_and_again(visit, sockets=3)
