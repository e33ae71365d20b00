"""Doorbells: notification streams, whose entries say where there is news.

A doorbell is a hint: an entry may be missed, or trimmed when too many wait. So its readers also
look everywhere now and then.
"""

from collections.abc import AsyncIterator, Sequence

from common.bus import keys, wire
from common.errors import BusUnavailable
from common.redis.link import Argument, Command, Link

CALL = b"owner"
"""What is rung when something has become of a call itself; any other kind is a stream's."""
_MOST = 4096
"""Entries kept."""
_BLOCK_MS = 500


def notify(key: bytes, fields: Sequence[Argument]) -> Command:
    """Return the command that writes to a doorbell; `fields`: pairs of leg and kind of stream."""
    # The doorbell of a gateway that is gone has expired, and must not be created again.
    only_existing = () if keys.is_permanent(key) else ("NOMKSTREAM",)
    return ("XADD", key, *only_existing, "MAXLEN", "~", _MOST, "*", *fields)


def keep(key: bytes) -> list[Command]:
    """Return the commands that create or renew a gateway's doorbell."""
    return [
        ("XADD", key, "MAXLEN", "~", _MOST, "*", "", ""),
        ("EXPIRE", key, keys.SESSION_TTL),
    ]


def clear(key: bytes) -> Command:
    """Return the command that removes all entries of a doorbell."""
    return ("XTRIM", key, "MAXLEN", 0)


def clear_heard(key: bytes, last: bytes) -> Command:
    """Return the command that removes the entries of a doorbell up to this one."""
    major, minor = wire.id_halves(last)
    return ("XTRIM", key, "MINID", wire.entry_id(major, minor + 1))


async def heard(reader: Link, doorbells: Sequence[bytes]) -> AsyncIterator[list[wire.RawEntry]]:
    """Yield new entries for ever; `reader` blocks.

    Entries written while Redis was away may be missed.
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
