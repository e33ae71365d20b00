"""From the bus's results to the session's events, in an order a client can rely on.

Per leg: speech events as they happened, no partial after its utterance's final, finals in order
of utterance. Over the legs of a session: finals in the order of their `seq`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from common.bus import wire
from common.bus.keys import Leg
from common.bus.reading import Cursor
from gateway.fronts.api import Event, Final, Gap, Partial, SpeechEnded, SpeechStarted, Word

_BEGINNING = b"0-0"


class LegResults:
    """Cursors into one leg's result streams, and what was read from them."""

    def __init__(self, leg: Leg) -> None:
        self.leg = leg
        self.ended = False
        """Whether the leg's last item was read: nothing will follow."""
        self.last_item = 0
        self.text = leg.key("text")
        self.speech = leg.key("speech")
        self.cursors = {self.text: _BEGINNING, self.speech: _BEGINNING}
        self.partials: dict[bytes, int] = {}

    def follow_partial(self, utterance: int) -> None:
        """Read this utterance's partials until its final is there."""
        key = self.leg.key(f"part:{utterance}")
        if utterance > self.last_item and key not in self.partials:
            self.partials[key] = utterance
            self.cursors[key] = _BEGINNING

    def settle(self, item: int) -> None:
        """Note that every item up to `item` was read."""
        self.last_item = item
        for key in [key for key, utterance in self.partials.items() if utterance <= item]:
            del self.partials[key], self.cursors[key]

    def cursor(self, key: bytes) -> Cursor:
        """Return where to read on in one of this leg's streams."""
        return Cursor(self.leg.partition, key, self.cursors[key])


class Results:
    """All legs of one session. `speech`: whether the client wants speech events."""

    def __init__(self, legs: Sequence[Leg], *, speech: bool) -> None:
        self._legs = {leg: LegResults(leg) for leg in legs}
        self._speech = speech

    @property
    def ended(self) -> bool:
        """Whether every leg's last item was read."""
        return all(leg.ended for leg in self._legs.values())

    def cursors(self, kinds: Mapping[Leg, set[str]] | None) -> Iterable[Cursor]:
        """Return what to read, for the kinds rung per leg; None: for everything.

        Texts are read for all legs at once: one XREAD then sees every commit before another, and
        `seq` never runs backwards.
        """
        rung = {kind for per_leg in (kinds or {}).values() for kind in per_leg}
        for leg, results in self._legs.items():
            wanted = kinds.get(leg, set()) if kinds is not None else set()
            if kinds is None or "text" in rung:
                yield results.cursor(results.text)
            if self._speech and (kinds is None or "speech" in wanted):
                yield results.cursor(results.speech)
            for kind in wanted:
                if kind.startswith("part:"):
                    results.follow_partial(int(kind.removeprefix("part:")))
            for key in results.partials if kinds is None or wanted else ():
                yield results.cursor(key)

    def read(self, news: Mapping[bytes, list[wire.RawEntry]]) -> list[Event]:
        """Take new entries by stream key; return the events they mean, in order."""
        events: list[Event] = []
        items: list[tuple[int, int, LegResults, wire.Body]] = []
        for leg in self._legs.values():
            for key in list(leg.cursors):
                entries = news.get(key)
                if not entries:
                    continue
                leg.cursors[key] = entries[-1][0]
                if key == leg.text:
                    items += [_item(leg, entry) for entry in entries]
                elif key == leg.speech:
                    events += self._happenings(leg, entries)
                else:
                    events += self._partial(leg, leg.partials[key], entries[-1])
        for seq, number, leg, body in sorted(items, key=lambda item: item[0]):
            events += self._final(leg, number, seq, body)
        return events

    @staticmethod
    def _final(leg: LegResults, number: int, seq: int, body: wire.Body) -> list[Event]:
        leg.settle(number)
        if body["t"] == "end":
            leg.ended = True
        if not body["shown"]:
            return []
        words = body["words"]
        return [
            Final(
                channel=leg.leg.channel,
                utterance=number,
                seq=seq,
                start=body["start"],
                end=body["end"],
                at=body["at"],
                text=body["text"],
                language=body["language"],
                words=None if words is None else tuple(Word(*word) for word in words),
                reason=body["reason"],
                failed=body["failed"],
                trouble=body["trouble"],
            )
        ]

    @staticmethod
    def _partial(leg: LegResults, utterance: int, entry: wire.RawEntry) -> list[Event]:
        _, fields = entry
        if fields[0] == wire.OWNER_FIELD:
            return []
        body = wire.unpack(fields[1])
        return [
            Partial(
                channel=leg.leg.channel,
                utterance=utterance,
                start=body["start"],
                end=body["end"],
                text=body["text"],
                stable=body["stable"],
                language=body["language"],
            )
        ]

    @staticmethod
    def _happenings(leg: LegResults, entries: Sequence[wire.RawEntry]) -> list[Event]:
        events: list[Event] = []
        for happening in filter(None, map(wire.read_happening, entries)):
            for body in happening.events:
                event = _speech_event(leg.leg.channel, body)
                if event is not None:
                    events.append(event)
        return events


def _item(leg: LegResults, entry: wire.RawEntry) -> tuple[int, int, LegResults, wire.Body]:
    """Return (seq, item number, leg, body) of a text entry."""
    stream_id, fields = entry
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    body = wire.unpack(values[wire.BODY_FIELD])
    return int(values[wire.SEQ_FIELD]), wire.id_halves(stream_id)[0], leg, body


def _speech_event(channel: int, body: Mapping[str, Any]) -> Event | None:
    match body["t"]:
        case "started":
            return SpeechStarted(channel, body["utterance"], body["start"], body["at"])
        case "ended":
            return SpeechEnded(
                *(channel, body["utterance"], body["start"], body["end"], body["at"]),
                body["reason"],
            )
        case "gap":
            return Gap(channel, body["start"], body["end"])
        case _:
            return None
