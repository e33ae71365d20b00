"""Listening to a stage's doorbells."""

from collections.abc import Callable, Iterable

from common.bus import keys
from common.bus.keys import Leg
from common.bus.link import Command, Link
from common.errors import BusUnavailable

_BLOCK_MS = 500


async def listen(reader: Link, stage: str, rung: Callable[[Iterable[Leg]], None]) -> None:
    """Tell of every leg that a doorbell of the stage rings for; never returns. `reader` blocks.

    What rang while Redis was away may go unheard: a doorbell is a hint.
    """
    rings = [keys.ring(stage, number) for number in range(keys.RINGS)]
    generation, cursors = reader.generation, dict.fromkeys(rings, b"$")
    while True:
        if generation != reader.generation:
            # Another server's clock makes its ids: they may be smaller than those known here.
            generation, cursors = reader.generation, dict.fromkeys(rings, b"$")
        streams: Command = ("STREAMS", *cursors.keys(), *cursors.values())
        try:
            news = await reader.read_blocking(_BLOCK_MS, ("XREAD",), streams)
        except BusUnavailable:
            await reader.wait_connected()
            continue
        for key, entries in news:
            cursors[key] = entries[-1][0]
            for _, fields in entries:
                rung(Leg.parse(leg.decode()) for leg in fields[::2])
