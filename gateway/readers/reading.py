"""The results of one call for one reader, wherever its client and its gateway are.

Any number may read one call.
"""

from collections.abc import Iterable, Mapping, Sequence

from common.bus import wire
from common.bus.keys import Leg
from common.bus.reading import MOST_ENTRIES, Cursor, read_streams
from common.redis.link import Link
from gateway.calls.directory import Known
from gateway.feed.keywords import KeywordSpotter
from gateway.feed.results import Results
from gateway.protocols.events import Event, SpeechStarted


class Reading:
    """What follows `after`, the last `seq` that the reader has, of one call.

    `partials`: whether the reader wants those, if the call has them.
    """

    def __init__(self, known: Known, *, after: int = 0, partials: bool = True) -> None:
        self.known = known
        legs, options = known.record.legs(known.session), known.record.options
        self._partials = partials
        wanted = partials and options.interim_results
        turns = options.by_words
        self._results = Results(legs, speech=True, turns=turns, partials=wanted, after=after)
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

    def cursors(self, kinds: Mapping[Leg, set[str]] | None) -> Iterable[Cursor]:
        """Return what to read; see `Results.cursors`."""
        return self._results.cursors(kinds)

    def read(self, news: Mapping[bytes, list[wire.RawEntry]]) -> list[Event]:
        """Read new entries by stream key; return the events they mean, in order."""
        fresh = self._results.read(news)
        for event in fresh:
            # A reader that comes amid an utterance has missed its first doorbells.
            if isinstance(event, SpeechStarted):
                self._results.follow(event.channel, event.utterance)
        return [each for event in fresh for each in (event, *self._keywords.spot(event))]


async def read_now(link: Link, known: Known) -> tuple[Sequence[Event], bool]:
    """Return the events of a call as it is now, and whether nothing will follow.

    Waits while Redis is away.
    """
    reading = Reading(known)
    events: list[Event] = []
    full = True
    while full:
        cursors: dict[int, dict[bytes, bytes]] = {}
        whole: dict[int, dict[bytes, bytes]] = {}
        for cursor in reading.cursors(None):
            streams = (whole if cursor.whole else cursors).setdefault(
                link.neighbours(cursor.partition), {}
            )
            streams[cursor.key] = cursor.after
        news = await read_streams(link, cursors, whole=whole)
        events += reading.read(dict(news))
        limited = {key for group in cursors.values() for key in group}
        full = any(key in limited and len(entries) >= MOST_ENTRIES for key, entries in news)
    return events, reading.ended
