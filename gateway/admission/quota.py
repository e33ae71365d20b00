"""How many calls one key may have at a time, over all gateways.

A key identifies a client: by its credential, or else by its address. Redis holds each key's calls
with the time a gateway last renewed them, by Redis's own clock; those of a gateway that died
expire.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from itertools import chain, pairwise

from common.bus import commands, keys, scripts
from common.redis.link import Link, ScriptCall
from gateway.admission.capacity import Refusal

_SCHEMES = ("bearer", "token")
"""Of the `Authorization` header, and of the WebSocket subprotocol that stands for it."""
_NAMED = "openai-insecure-api-key."
"""How a subprotocol begins that has the key in its name."""
_FORGOTTEN_AFTER = 45.0
"""Seconds without renewal; gateways renew every ten."""
_PATIENCE = 0.5
"""Seconds that a handshake waits for Redis. Without an answer a call is admitted: it will be
refused later if Redis is still away."""


def caller(headers: Mapping[str, Sequence[str]], address: str) -> str:
    """Return a client's key: a digest of its API key or token or, without one, address.

    A client sends it as `X-Api-Key` or `Authorization`; a browser, which cannot, as the second of
    two WebSocket subprotocols, or in the name of one. `headers` by their names in lower case.
    """
    split = [value.partition(" ") for value in headers.get("authorization", ())]
    offered = ",".join(headers.get("sec-websocket-protocol", ())).split(",")
    split += [(scheme.strip(), "", key) for scheme, key in pairwise(offered)][:1]
    named = (each.strip() for each in offered)
    split += [("bearer", "", key[len(_NAMED) :]) for key in named if key.startswith(_NAMED)]
    tokens = (key.strip() for scheme, _, key in split if scheme.lower() in _SCHEMES)
    said = next(filter(None, chain(headers.get("x-api-key", ()), tokens)), "")
    # Otherwise a client could send another's address as its key, and use up that one's calls.
    kind = "key" if said else "address"
    return blake2b(f"{kind} {said or address}".encode(), digest_size=16).hexdigest()


class Quota:
    """Counts calls by key; `most` of each may run at a time. Made only if there is a limit."""

    def __init__(self, link: Link, most: int) -> None:
        self._link = link
        self._most = most

    async def reserve(self, key: str, call: str) -> Refusal | None:
        """Count a call that is about to begin; return a refusal if its key has `most` already."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                (reserved,) = await self._link.evaluate([_reserve(key, self._most, [call])])
                if not reserved:
                    return Refusal("key_sessions", 5, f"{self._most} calls of this key are running")
        return None

    async def renew(self, calls: Mapping[str, Iterable[str]]) -> None:
        """Keep running calls counted, by key; every ten seconds. Waits as long as Redis is away.

        A call that was resumed at another gateway, or with another key, is counted from here on.
        """
        await self._link.evaluate([_reserve(key, 0, running) for key, running in calls.items()])

    async def release(self, key: str, call: str) -> None:
        """Stop counting a call. Waits while Redis is away."""
        await self._link.insist([commands.forget_call(key, call)])


def _reserve(key: str, most: int, calls: Iterable[str]) -> ScriptCall:
    silence = round(1000 * _FORGOTTEN_AFTER)
    return (scripts.RESERVE_CALLS, [keys.calls(key)], (most, silence, *calls))
