"""Doorbells: streams whose entries say where there is news.

What rings may go unheard, and is cut off when too much of it waits: a doorbell is a hint, and
whoever follows it looks everywhere now and then.
"""

from collections.abc import AsyncIterator, Sequence

from common.bus import keys, wire
from common.errors import BusUnavailable
from common.redis.link import Argument, Command, Link

_MOST = 4096
"""Entries kept."""
_BLOCK_MS = 500


def ring(key: bytes, fields: Sequence[Argument]) -> Command:
    """Return the command that rings a doorbell, with pairs of a leg and what it has news of."""
    # A gateway that is gone has let its doorbell expire; nobody else may bring it back.
    only_existing = () if keys.is_permanent(key) else ("NOMKSTREAM",)
    return ("XADD", key, *only_existing, "MAXLEN", "~", _MOST, "*", *fields)


def keep(key: bytes) -> list[Command]:
    """Return the commands that keep a gateway's doorbell in existence, or make it."""
    return [
        ("XADD", key, "MAXLEN", "~", _MOST, "*", "", ""),
        ("EXPIRE", key, keys.SESSION_TTL),
    ]


async def heard(reader: Link, doorbells: Sequence[bytes]) -> AsyncIterator[list[wire.RawEntry]]:
    """Yield what rings from now on, for ever; `reader` blocks.

    What rang while Redis was away may go unheard.
    """
    generation, cursors = reader.generation, dict.fromkeys(doorbells, b"$")
    while True:
        if generation != reader.generation:
            # Another server's clock makes its ids: they may be smaller than those known here.
            generation, cursors = reader.generation, dict.fromkeys(doorbells, b"$")
        streams: Command = ("STREAMS", *cursors.keys(), *cursors.values())
        try:
            news = await reader.read_blocking(_BLOCK_MS, ("XREAD",), streams)
        except BusUnavailable:
            await reader.wait_connected()
            continue
        for key, entries in news:
            cursors[key] = entries[-1][0]
            yield entries
