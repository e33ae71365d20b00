"""Which server to try next after a broken connection, when, and when to give up.

Exponential back-off with full jitter, after M. Brooker, "Exponential Backoff And Jitter" (AWS
Architecture Blog, 2015): the clients of one dead gateway do not all reconnect
at the same time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
"""Bounds of the longest wait, in seconds; each wait is a random part of it."""

STEADY = 10.0
"""Seconds after which a connection counts as working."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A server to try after `wait` seconds."""

    url: str
    wait: float


class Redialling:
    """The attempts of one call; pure: `now` in seconds of any clock that does not go back.

    `patience` is the total time (s) without a connection since the call last advanced. So a server
    that accepts the call and drops it again cannot keep it for ever.
    """

    def __init__(self, urls: Sequence[str], patience: float) -> None:
        self._urls = list(urls)
        self._patience = self._left = patience
        self._barred: dict[str, float] = {}
        self._tries = 0
        self._immediately = False
        self._connected_at = self._lost_at = 0.0

    def connected(self, url: str, now: float) -> None:
        """Note a connection; the server that follows in the list is next when it breaks."""
        self._left -= now - self._lost_at if self._tries else 0.0
        self._turn_to_next_of(url)
        self._connected_at = now

    def advanced(self) -> None:
        """Note that the call advanced: earlier failures no longer count."""
        self._tries = 0
        self._left = self._patience

    def lost(self, now: float, *, immediately: bool) -> None:
        """Note a broken connection; `immediately`: the first attempt need not wait."""
        if now - self._connected_at >= STEADY:
            self.advanced()
        self._immediately = immediately and not self._tries
        self._lost_at = now

    def next_attempt(self, now: float, chance: float) -> Attempt | None:
        """Return the next attempt, None if `patience` is used up; `chance` is random, 0 to 1."""
        left = self._left - (now - self._lost_at)
        if left <= 0:
            return None
        url = min(self._urls, key=lambda each: max(now, self._barred.get(each, now)))
        wait = chance * min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(self._tries, 64))
        wait = 0.0 if self._immediately else wait
        self._immediately = False
        self._tries += 1
        return Attempt(url, min(left, wait + max(0.0, self._barred.get(url, now) - now)))

    def failed(self, url: str, now: float, retry_after: float) -> None:
        """Note a failed attempt; the server asked not to be tried for `retry_after` seconds."""
        self._barred[url] = now + retry_after
        self._turn_to_next_of(url)

    def _turn_to_next_of(self, url: str) -> None:
        following = self._urls.index(url) + 1
        self._urls = self._urls[following:] + self._urls[:following]
