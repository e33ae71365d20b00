"""One reader of one call: its results from Redis, wherever its client and its gateway are.

No doorbell rings for readers, so they look at intervals. Any number may read one call.
"""

from collections.abc import Sequence

from common.bus.reading import MOST_ENTRIES, read_streams
from common.redis.link import Link
from gateway.calls.directory import Known
from gateway.downlink.events import Results
from gateway.downlink.keywords import KeywordSpotter
from gateway.protocols.events import Event, SpeechStarted


class Reading:
    """What follows `after`, the last `seq` that the reader has, of one call.

    `partials`: whether the reader wants those, if the call has them.
    """

    def __init__(self, link: Link, known: Known, *, after: int = 0, partials: bool = True) -> None:
        self.known = known
        self._link = link
        legs, options = known.record.legs(known.session), known.record.options
        self._partials = partials
        wanted = partials and options.interim_results
        self._results = Results(legs, speech=True, partials=wanted, after=after)
        self._keywords = KeywordSpotter(options)

    @property
    def ended(self) -> bool:
        """Whether all was read that will ever come."""
        return self._results.ended and not self._results.awaited

    def configure(self, known: Known) -> None:
        """Take note that the call's options may have changed."""
        options = known.record.options
        self._results.partials = self._partials and options.interim_results
        self._keywords.configure(options)

    async def look(self) -> Sequence[Event]:
        """Return the events since the last look, in order. Waits while Redis is away."""
        events: list[Event] = []
        full = True
        while full:
            cursors: dict[int, dict[bytes, bytes]] = {}
            whole: dict[int, dict[bytes, bytes]] = {}
            for cursor in self._results.cursors(None):
                group = self._link.neighbours(cursor.partition)
                (whole if cursor.whole else cursors).setdefault(group, {})[cursor.key] = (
                    cursor.after
                )
            news = await read_streams(self._link, cursors, whole=whole)
            fresh = self._results.read(dict(news))
            for event in fresh:
                if isinstance(event, SpeechStarted):
                    self._results.follow(event.channel, event.utterance)
            events += (each for e in fresh for each in (e, *self._keywords.spot(e)))
            limited = {key for group in cursors.values() for key in group}
            full = any(key in limited and len(entries) >= MOST_ENTRIES for key, entries in news)
        return events
