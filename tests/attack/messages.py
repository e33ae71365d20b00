"""Kin of text messages that cost much to read, to keep or to carry out."""

import asyncio
import json
from itertools import count

from tests.attack import wire
from tests.attack.registry import attack
from tests.attack.rude import Rude, Target

_CONFIGS = 5000
_LIMIT = 1_000_000
"""Bytes of a message, just within the server's limit."""


@attack("5000 later configs of 20 kB in one call")
async def later_configs(target: Target) -> None:
    async def visit(rude: Rude) -> None:
        rude.read_on()
        for number in range(_CONFIGS):
            keywords = [f"{number:05} {at:03} ".ljust(96, "k") for at in range(100)]
            context = f"{number:05} ".ljust(9_900, "c")
            message = {"type": "config", "context": context, "keywords": keywords}
            await rude.send(wire.text(message), 1)
        await rude.ended()

    await target.calls(visit, sockets=1)


async def _bombs(target: Target, message: str) -> None:
    await target.calls(lambda rude: rude.flood(wire.text(message)), sockets=2)


@attack("JSON of arrays 400 000 deep, 2 sockets")
async def deep_json(target: Target) -> None:
    depth = 400_000
    await _bombs(target, '{"type": "config", "context": ' + "[" * depth + "]" * depth + "}")


@attack("JSON of objects nested 900 deep, within what a parser takes, 2 sockets")
async def nested_json(target: Target) -> None:
    await _bombs(target, '{"type": "config", "context": ' + '{"a":' * 900 + "1" + "}" * 900 + "}")


@attack("JSON with a number of a million digits, 2 sockets")
async def huge_numbers(target: Target) -> None:
    await _bombs(target, '{"type": "config", "vad_threshold": ' + "7" * _LIMIT + "}")


@attack("JSON with numbers beyond a double's range, 2 sockets")
async def infinite_numbers(target: Target) -> None:
    await _bombs(target, '{"type": "config", "vad_threshold": 1e999, "max_utterance": -1e999}')


@attack("JSON with a string of a million bytes, 2 sockets")
async def long_strings(target: Target) -> None:
    await _bombs(target, '{"type": "config", "context": "' + "\\u00e9" * (_LIMIT // 6) + '"}')


@attack("JSON with a type of a million bytes, which the answer may quote, 2 sockets")
async def long_types(target: Target) -> None:
    await _bombs(target, '{"type": "' + "t" * _LIMIT + '"}')


@attack("JSON with 45 000 unknown options, 2 sockets")
async def many_keys(target: Target) -> None:
    options = {f"option{number}": number for number in range(45_000)}
    await _bombs(target, json.dumps({"type": "config", **options}))


@attack("JSON of 150 000 empty lists, 2 sockets")
async def many_lists(target: Target) -> None:
    await _bombs(target, json.dumps({"type": "config", "keywords": [[]] * 150_000}))


@attack("flush as fast as it is read, 2 sockets")
async def flushes(target: Target) -> None:
    await target.calls(lambda rude: rude.flood(wire.text({"type": "flush"})), sockets=2)


@attack("small configs as fast as they are read, 2 sockets")
async def small_configs(target: Target) -> None:
    changing = b"".join(
        wire.text({"type": "config", "vad_threshold": value}) for value in (0.4, 0.5)
    )
    await target.calls(lambda rude: rude.flood(changing), sockets=2)


@attack("finalize again and again in calls that have ended, 2 sockets")
async def finalizes(target: Target) -> None:
    await target.calls(lambda rude: rude.flood(wire.text({"type": "finalize"})), sockets=2)


@attack("flushes with a little audio between, 4 sockets")
async def flushed_audio(target: Target) -> None:
    one = wire.frame(wire.BINARY, bytes(640)) + wire.text({"type": "flush"})

    async def visit(rude: Rude) -> None:
        rude.read_on()
        for number in count():
            await rude.send(one, 2)
            if number % 50 == 49:
                await asyncio.sleep(0.01)

    await target.calls(visit, sockets=4)
