"""The handshake: which calls are refused before anything else is done for them, and why.

It knows no transport: a listener tells its client of a refusal.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from math import ceil

from common.rates import Rates
from common.telemetry.metrics import GatewayMetrics
from gateway.access.principal import Principal
from gateway.admission.capacity import SHORT_OF_PLACES, SHORT_OF_SLOTS, Refusal
from gateway.admission.quota import Quota
from gateway.admission.workers import Workers

OWN_DOING = ("key_sessions", "key_rate")
"""Reasons of refusals that are the caller's own doing."""
_HANDSHAKES = (50.0, 500.0)
"""Handshakes of one key: each second, and in a burst, when all return after an outage."""


class Handshakes:
    """Admits the connections of one gateway, at most `most` together, and counts them.

    `most_of_one`: calls of one client at a time, where its key says nothing else; 0 for no limit.

    An admitted call counts as one leg until its options are known; `Workers.admit` then counts it
    under the same name. `quiet` returns how many legs of a caller say nothing: they count for
    its own calls alone. Where places are short, calls that do not use theirs make room:
    `free_connection` ends a connection without a call for a caller, `free_call` a call without a
    client, `free_silent` a silent call of a client that has more of them than the caller; each
    tells whether there was one.
    """

    def __init__(
        self,
        workers: Workers,
        metrics: GatewayMetrics,
        *,
        most: int,
        most_of_one: int,
        quota: Quota,
        free_connection: Callable[[str], bool] = lambda caller: False,
        free_call: Callable[[], bool] = lambda: False,
        free_silent: Callable[[str], bool] = lambda caller: False,
        quiet: Callable[[str], int] = lambda caller: 0,
    ) -> None:
        self._workers = workers
        self._metrics = metrics
        self._most = most
        self._most_of_one = most_of_one
        self._quota = quota
        self._free_connection = free_connection
        self._free_call = free_call
        self._free_silent = free_silent
        self._quiet = quiet
        self._rates = Rates(*_HANDSHAKES)
        self._keys: dict[str, str] = {}
        """The key of each call, where calls are limited by key."""
        self._strangers: set[str] = set()
        self.closed = False
        """Whether the gateway is about to end."""

    def close(self) -> None:
        """Admit no more connections."""
        self.closed = True

    def ask(
        self, call: str, who: Principal, present: int, *, returning: bool
    ) -> Refusal | Coroutine[None, None, Refusal | None] | None:
        """Return why a connection is refused, None to admit it; asks Redis only where keys count.

        `call`: its name from now on. `present`: clients connected already.
        `returning`: the client is about to resume a call, which has its place already.
        """
        refusal = self._refusal(call, who.caller, present, returning=returning)
        if refusal is not None:
            return self._counted(refusal)
        most = who.limits.sessions or self._most_of_one
        if not most:
            return None
        if not returning:
            return self._reserve(call, who.caller, most)
        self._keys[call] = who.caller
        return None

    async def recount(self, call: str, who: Principal) -> Refusal | None:
        """Count a call by who makes it, known only now; return why it is refused, or None."""
        former = self._keys.get(call)
        if former == who.caller:
            return None
        most = who.limits.sessions or self._most_of_one
        if most and (refusal := await self._reserve(call, who.caller, most)) is not None:
            return refusal
        if former is not None:
            await self._quota.release_soon(former, call)
        return None

    def rename(self, call: str, known_as: str) -> None:
        """Take note that a connection has resumed a call: it counts under that name from now on."""
        if (key := self._keys.pop(call, None)) is not None:
            self._keys[known_as] = key

    async def renew(self, calls: Iterable[str]) -> None:
        """Keep all calls of this gateway counted; every ten seconds. Waits while Redis is away."""
        by_key: defaultdict[str, list[str]] = defaultdict(list)
        here = set(calls)
        for call in here & self._keys.keys():
            by_key[self._keys[call]].append(call)
        # A handshake that broke off after it was answered never became a call.
        strangers = self._keys.keys() - here
        for call in strangers & self._strangers:
            del self._keys[call]
        self._strangers = strangers
        await self._quota.renew(by_key)

    async def leave(self, call: str) -> None:
        """Stop counting a call. Waits while Redis is away."""
        self._workers.withdraw(call)
        key = self._keys.pop(call, None)
        if key is not None:
            await self._quota.release(key, call)

    def _refusal(self, call: str, key: str, present: int, *, returning: bool) -> Refusal | None:
        if self.closed:
            return Refusal("draining", 1, "the server is about to end")
        if wait := self._rates.try_add(key, time.monotonic()):
            return Refusal("key_rate", ceil(wait), "this key opens too many connections a second")
        if returning:
            return None
        if present >= self._most and not self._free_connection(key):
            full = Refusal("max_sessions", 5, f"all {self._most} calls are taken")
            return self._soon(full, freed=self._free_silent(key))
        refusal = self._workers.refusal(1, silent=self._quiet(key))
        if refusal is None:
            self._workers.reserve(call, 1)
            return None
        freed = refusal.reason in SHORT_OF_PLACES and self._free_call()
        if not freed and refusal.reason in SHORT_OF_SLOTS:
            freed = self._free_silent(key)
        return self._soon(refusal, freed=freed)

    def _soon(self, refusal: Refusal, *, freed: bool) -> Refusal:
        """Return the refusal; where a place was freed, its call needs only a moment to end."""
        return replace(refusal, retry_after=2) if freed else refusal

    async def _reserve(self, call: str, key: str, most: int) -> Refusal | None:
        refusal = await self._quota.reserve(key, call, most)
        if refusal is not None:
            self._workers.withdraw(call)
            return self._counted(refusal)
        self._keys[call] = key
        return None

    def _counted(self, refusal: Refusal) -> Refusal:
        self._metrics.refusals.labels(refusal.reason).inc()
        return refusal
