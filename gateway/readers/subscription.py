"""One reader's part of the feed: the events of a call, until the reader takes them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from common.bus import wire
from common.bus.keys import Leg
from common.bus.reading import Cursor
from gateway.calls.directory import Known
from gateway.feed.feed import Feed
from gateway.protocols.events import Event
from gateway.readers.reading import Reading

MOST_WAITING = 1024
"""Events that wait for a reader; beyond, nothing is read for it until it has taken them."""


class Subscription:
    """Implements `gateway.feed.feed.Listener` for one reader of one call, of any gateway.

    `news` is set whenever there is something to `take`, or something may have become of the call.
    It may be shared by several. `close` must follow `open`.
    """

    def __init__(self, feed: Feed, reading: Reading, news: asyncio.Event) -> None:
        self.known = reading.known
        self._feed = feed
        self._reading = reading
        self._news = news
        self._waiting: list[Event] = []
        self._parked = False
        """Whether something was not read because too much waits."""
        self._failure: Exception | None = None
        self._open = False

    @property
    def ended(self) -> bool:
        """Whether all was taken that will ever come."""
        return self._reading.ended and not self._waiting

    def open(self) -> None:
        """Follow the call from now on."""
        self._open = True
        self._feed.follow(self.known.session, self, self.known.record.doorbell)

    def close(self) -> None:
        """Follow it no more."""
        if self._open:
            self._open = False
            self._feed.leave(self.known.session, self, self.known.record.doorbell)

    def configure(self, known: Known) -> None:
        """Take note that the call's options may have changed."""
        self._reading.configure(known)

    async def take(self) -> Sequence[Event]:
        """Return the events that wait, in order. Raises what went wrong with reading them."""
        if self._failure is not None:
            raise self._failure
        events, self._waiting = self._waiting, []
        if self._parked:
            self._parked = False
            await self._feed.look_for(self.known.session)
        return events

    async def everything(self) -> Sequence[Event]:
        """Look, and return all events that there are. Waits while Redis is away."""
        await self._feed.look_for(self.known.session)
        events: list[Event] = []
        while more := await self.take():
            events += more
        return events

    # --- from the feed ---

    def cursors(self, kinds: Mapping[Leg, set[str]] | None) -> Iterable[Cursor]:
        """See `Listener`."""
        if len(self._waiting) >= MOST_WAITING:
            self._parked = True
            return ()
        return self._reading.cursors(kinds)

    def deliver(self, news: Mapping[bytes, list[wire.RawEntry]]) -> None:
        """See `Listener`."""
        self._waiting += self._reading.read(news)
        if self._waiting or self._reading.ended:
            self._news.set()

    def doubt(self) -> None:
        """See `Listener`."""
        self._news.set()

    def fail(self, error: Exception) -> None:
        """See `Listener`."""
        self._failure = error
        self._news.set()
