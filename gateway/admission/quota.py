"""How many calls one client may have at a time, over all gateways.

Redis holds each client's calls with the time a gateway last renewed them, by Redis's own clock;
those of a gateway that died expire. A client is told by `Principal.caller`, which is called its key
here.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress

from common.bus import commands, keys, scripts
from common.redis.link import Link, ScriptCall
from gateway.admission.capacity import Refusal

_FORGOTTEN_AFTER = 45.0
"""Seconds without renewal; gateways renew every ten."""
_PATIENCE = 0.5
"""Seconds that a handshake waits for Redis. Without an answer a call is admitted: it will be
refused later if Redis is still away."""


class Quota:
    """Counts calls by key, of those that have a limit."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def reserve(self, key: str, call: str, most: int) -> Refusal | None:
        """Count a call that is about to begin; return a refusal if its key has `most` already."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                (reserved,) = await self._link.evaluate([_reserve(key, most, [call])])
                if not reserved:
                    return Refusal("key_sessions", 5, f"{most} calls of this key are running")
        return None

    async def renew(self, calls: Mapping[str, Iterable[str]]) -> None:
        """Keep running calls counted, by key; every ten seconds. Waits as long as Redis is away.

        A call that was resumed at another gateway, or with another key, is counted from here on.
        """
        await self._link.evaluate([_reserve(key, 0, running) for key, running in calls.items()])

    async def release(self, key: str, call: str) -> None:
        """Stop counting a call. Waits while Redis is away."""
        await self._link.insist([commands.forget_call(key, call)])

    async def release_soon(self, key: str, call: str) -> None:
        """Stop counting a call; without an answer it is forgotten as one that nobody renews."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self.release(key, call)


def _reserve(key: str, most: int, calls: Iterable[str]) -> ScriptCall:
    silence = round(1000 * _FORGOTTEN_AFTER)
    return (scripts.RESERVE_CALLS, [keys.calls(key)], (most, silence, *calls))
