"""Kin of audio: more of it than anybody speaks, and results that nobody reads."""

import asyncio
from typing import Any

from callscribe import sample
from callscribe.audiofile import AudioFile
from common.audio import float_to_pcm16
from tests.attack import wire
from tests.attack.registry import attack
from tests.attack.rude import Rude, Target

_RATE = 8000
_FAST: dict[str, Any] = {"encoding": "pcm16", "sample_rate": _RATE}
_MESSAGE = 3200
"""Bytes: 200 ms."""


def _speech() -> list[bytes]:
    """Return the messages of the sample call's first side."""
    with AudioFile(sample.AUDIO) as audio:
        pcm = b"".join(float_to_pcm16(block[:, 0]) for block in audio.blocks(1.0))
    return [wire.frame(wire.BINARY, pcm[at : at + _MESSAGE]) for at in range(0, len(pcm), _MESSAGE)]


@attack("20 sockets that send speech as fast as it is read", short=True)
async def unpaced_speech(target: Target) -> None:
    messages = _speech()
    everything = b"".join(messages)

    async def visit(rude: Rude) -> None:
        rude.read_on()
        while True:
            await rude.send(everything, len(messages))

    await target.calls(visit, sockets=20, options=_FAST)


@attack("100 long keywords that may be misspelt, and the longest context, 4 spoken calls")
async def keyword_bombs(target: Target) -> None:
    messages = _speech()
    # Misspelt words of about the length of those that are spoken are compared letter by letter.
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [letters[at % 26] + letters[(at * 7) % 26] + "eeneee" for at in range(100)]
    options = {"keywords": words, "keyword_distance": 2, "context": "c " * 4_900}

    async def visit(rude: Rude) -> None:
        rude.read_on()
        while True:
            for message in messages:
                await rude.send(message, 1)
                await asyncio.sleep(_MESSAGE / 2 / _RATE / 4)

    await target.calls(visit, sockets=4, options={**_FAST, **options})


@attack("4 calls with results due that never read them")
async def unread_results(target: Target) -> None:
    messages = _speech()
    flush = wire.text({"type": "flush"})

    async def line() -> None:
        while True:
            try:
                async with await target.dial(receive_buffer=4096) as rude:
                    if await rude.open_call(**_FAST) is None:
                        continue
                    for message in messages * 100:
                        await rude.send(message + flush, 2)
                        await asyncio.sleep(0.01)
            except OSError:
                target.tally.closes["broken"] += 1
            finally:
                await asyncio.sleep(0.1)

    await asyncio.gather(*(line() for _ in range(4)))
