"""What Redis has of calls whose protocol tells their clients nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import redis

from common.bus.keys import Leg
from gateway.feed.results import Results
from gateway.protocols.events import Dtmf, Event, Final, Gap
from gateway.record import SessionRecord

E = TypeVar("E", Dtmf, Final, Gap)


@dataclass(frozen=True)
class StoredCall:
    """One call: its terms, and its results so far."""

    record: SessionRecord
    events: Sequence[Event]

    def texts(self, channel: int = 0) -> list[str]:
        """Return the texts of one channel."""
        return [each.text for each in self.of(Final) if each.channel == channel and each.text]

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one type."""
        return [event for event in self.events if isinstance(event, kind)]


def stored_calls(bus: redis.Redis, **about: str) -> list[StoredCall]:
    """Return the calls that say this of themselves: `name`, `conversation`."""
    found = []
    for meta in bus.scan_iter(match="*:meta"):
        terms, options = bus.hmget(meta, "session", "options")
        if not isinstance(terms, bytes) or not isinstance(options, bytes):
            continue
        record = SessionRecord.unpack(terms, options)
        if all(getattr(record.about, name) == value for name, value in about.items()):
            found.append(StoredCall(record, _events(bus, meta.decode().split(":")[-2], record)))
    return found


def _events(bus: redis.Redis, session: str, record: SessionRecord) -> Sequence[Event]:
    legs = [Leg(session, channel) for channel in range(record.audio.channels)]
    results = Results(legs, speech=record.speech)
    news = {}
    for cursor in results.cursors(None):
        entries = bus.execute_command("XRANGE", cursor.key, "-", "+")
        raw = [(i, [part for pair in fields.items() for part in pair]) for i, fields in entries]
        news[cursor.key] = raw
    return results.read(news)
