"""From the bus's results to the session's events, in an order a client can rely on.

Per leg: speech events as they happened, no partial after its utterance's final, finals in order of
utterance. Over the legs of a session: finals, and words that come after theirs, in the order of
their `seq`. A client that resumes gets what follows the last `seq` it has, and the speech events of
what was not settled by then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from common.bus import wire
from common.bus.keys import Leg
from common.bus.reading import Cursor
from common.pipeline import text
from common.pipeline.partial import PARTIAL_TEXT, PartialText
from common.pipeline.speech import SPEECH_ENTRY
from common.pipeline.stream_ids import BEGINNING
from common.pipeline.streams import PARTIAL, SPEECH, TEXT
from common.pipeline.text import Item
from common.redis.replies import pairs
from gateway.answers.answering import Found
from gateway.feed import showing
from gateway.feed.answers import LegAnswers
from gateway.feed.overlaps import Overlaps
from gateway.feed.speakers import LegSpeakers
from gateway.feed.speech_events import SpeechEvent, speech_event
from gateway.feed.turns import LegTurns
from gateway.protocols.events import (
    Dtmf,
    Event,
    Final,
    Gap,
    LineTrouble,
    Partial,
    Words,
)


@dataclass(frozen=True, slots=True)
class AwaitedWords:
    """Words that are still to come for a final: for which one, and under which digest."""

    leg: Leg
    number: int
    digest: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PauseText:
    """What was said before a pause; `answer`: what it has of an answer, None if none was asked."""

    channel: int
    utterance: int
    said: PartialText
    answer: Found | None


@dataclass(frozen=True, slots=True)
class _Text:
    """An entry of a leg's text: an item with or without words, or words alone; see `attach.lua`."""

    leg: "LegResults"
    number: int
    seq: int
    item: Item | None
    words: text.Words | None
    committed: float | None


class LegResults:
    """Cursors into one leg's result streams, and what was read from them."""

    def __init__(self, leg: Leg, *, turns: bool) -> None:
        self.leg = leg
        self.ended = False
        """Whether the leg's last item was read: nothing will follow."""
        self.last_item = 0
        self.spoken = 0
        """Samples of all its finals."""
        self.seen_item = 0
        self.seen_until = 0
        """The last item that a client had before it resumed, and where that item ended."""
        self.text = leg.key(TEXT)
        self.speech = leg.key(SPEECH)
        self.cursors = {self.text: BEGINNING, self.speech: BEGINNING}
        self.partials: dict[bytes, int] = {}
        self.newest: tuple[int, str, int] | None = None
        """The partial told last: its utterance, text and stable characters."""
        self.awaited: dict[int, AwaitedWords] = {}
        self.turns = LegTurns(leg.channel)
        self.answers = LegAnswers(leg.channel)
        self.speakers = LegSpeakers(leg.channel)
        # Turns follow from both: what led to a final has to be there with it.
        self.whole = {self.text, self.speech} if turns else {self.text}

    def follow_partial(self, utterance: int) -> None:
        """Read this utterance's partials until its final is there."""
        key = self.leg.key(PARTIAL.of(utterance))
        if utterance > self.last_item and key not in self.partials:
            self.partials[key] = utterance
            self.cursors[key] = BEGINNING

    def settle(self, item: int) -> None:
        """Note that every item up to `item` was read."""
        self.last_item = item
        for key in [key for key, utterance in self.partials.items() if utterance <= item]:
            del self.partials[key], self.cursors[key]

    def skip(self, number: int, item: Item | None) -> None:
        """Note that the client had this item, or words after it, before it resumed."""
        self.seen_item = self.turns.seen = max(self.seen_item, number)
        if isinstance(item, text.Final):
            self.seen_until = max(self.seen_until, item.end)

    def has_told(self, event: SpeechEvent) -> bool:
        """Return whether the client had what this event says before it resumed."""
        if isinstance(event, Gap):
            return event.end <= self.seen_until
        if isinstance(event, Dtmf):
            return event.at <= self.seen_until > 0  # before the first audio, a digit is at 0
        return event.utterance <= self.seen_item

    def cursor(self, key: bytes) -> Cursor:
        """Return where to read on in one of this leg's streams."""
        return Cursor(self.leg.partition, key, self.cursors[key], whole=key in self.whole)


class Results:
    """All legs of one session. `speech`: whether the client wants speech events.

    `turns`: whether it wants those of turns, too. `partials`: whether it wants partials; `pauses`:
    whether it is told what was said before pauses. The last two may change at any time.
    `after` is the last `seq` that a resuming client has; nothing up to it is sent again.
    """

    def __init__(
        self,
        legs: Sequence[Leg],
        *,
        speech: bool,
        turns: bool = False,
        partials: bool = True,
        pauses: bool = False,
        after: int = 0,
    ) -> None:
        self._turns = turns
        self.partials = partials
        self.pauses = pauses
        self._legs = {leg: LegResults(leg, turns=turns) for leg in legs}
        self._speech = speech
        self._after = after
        self._overlaps = Overlaps()
        self._paused: list[PauseText] = []

    @property
    def ended(self) -> bool:
        """Whether every leg's last item was read."""
        return all(leg.ended for leg in self._legs.values())

    @property
    def spoken(self) -> int:
        """The samples of all finals that were read, over all legs."""
        return sum(leg.spoken for leg in self._legs.values())

    @property
    def awaited(self) -> list[AwaitedWords]:
        """The words that are still to come, one record per final."""
        return [each for leg in self._legs.values() for each in leg.awaited.values()]

    def cursors(self, kinds: Mapping[Leg, set[str]] | None) -> Iterable[Cursor]:
        """Return what to read, for the kinds rung per leg; None: for everything.

        Texts are read whole, for all legs together: one XREAD then sees every commit before
        another, and `seq` never runs backwards.
        """
        notified = {kind for per_leg in (kinds or {}).values() for kind in per_leg}
        for leg, results in self._legs.items():
            wanted = kinds.get(leg, set()) if kinds is not None else set()
            if kinds is None or TEXT in notified:
                yield results.cursor(results.text)
            if self._speech and (kinds is None or SPEECH in wanted or self._turns):
                yield results.cursor(results.speech)
            for kind in wanted:
                if (utterance := PARTIAL.number_in(kind)) is not None:
                    results.follow_partial(int(utterance))
            if (self.partials or self.pauses or self._turns) and (kinds is None or wanted):
                yield from map(results.cursor, results.partials)

    def follow(self, channel: int, utterance: int) -> None:
        """Read this utterance's partials, for a reader that no doorbell tells of them."""
        for leg, results in self._legs.items():
            if leg.channel == channel:
                results.follow_partial(utterance)

    def read(self, news: Mapping[bytes, list[wire.RawEntry]]) -> list[Event]:
        """Read new entries by stream key; return what is shown of them, in order."""
        self._paused.clear()
        return [showing.shown(event) for event in self._events(news)]

    @property
    def paused(self) -> Sequence[PauseText]:
        """What was said before the pauses that were read last."""
        return self._paused

    def _events(self, news: Mapping[bytes, list[wire.RawEntry]]) -> list[Event]:
        fresh = {
            (leg, key): news[key]
            for leg in self._legs.values()
            for key in list(leg.cursors)
            if news.get(key)
        }
        texts = [
            _text(leg, entry)
            for (leg, key), entries in fresh.items()
            if key == leg.text
            for entry in entries
        ]
        for each in texts:
            if 0 < self._after >= each.seq:
                each.leg.skip(each.number, each.item)
        events: list[Event] = []
        for (leg, key), entries in fresh.items():
            leg.cursors[key] = entries[-1][0]
            if key == leg.speech:
                events += self._speech_events(leg, entries)
            elif key != leg.text:
                events += self._partial(leg, leg.partials[key], entries[-1])
        for each in sorted(texts, key=lambda each: each.seq):
            turns = each.leg.turns
            if each.item is not None and self._turns:
                events += turns.item(each.number, each.item)
                met = self._overlaps.over(turns.ended) if turns.ended is not None else []
                events += [] if 0 < self._after >= each.seq else met
            told = self._words(each) if each.item is None else self._item(each, each.item)
            if each.item is not None:
                told = [*each.leg.answers.item(each.number, each.item), *told]
            events += [] if 0 < self._after >= each.seq else told
            events += [*turns.waiting(), *each.leg.answers.waiting()]
        return events

    @staticmethod
    def _item(entry: _Text, item: Item) -> list[Event]:
        leg, number = entry.leg, entry.number
        leg.settle(number)
        if isinstance(item, text.End):
            leg.ended = True
            return []
        leg.spoken += item.end - item.start
        revision = leg.speakers.final(number, item.voices or ())
        words, unavailable = item.words, item.unavailable
        if entry.words is not None:
            words, unavailable = entry.words.words, entry.words.trouble
        elif item.align is not None:
            place = (item.start, item.end)
            leg.awaited[number] = AwaitedWords(leg.leg, number, item.align, *place)
        return [
            *([] if revision is None else [revision]),
            Final.of(
                item,
                channel=leg.leg.channel,
                utterance=number,
                seq=entry.seq,
                words=words,
                unavailable=unavailable,
                words_pending=number in leg.awaited,
                committed=entry.committed,
                speakers=leg.speakers.of(number),
                voices=None,  # biometric
            ),
        ]

    @staticmethod
    def _words(entry: _Text) -> list[Event]:
        awaited = entry.leg.awaited.pop(entry.number, None)
        if awaited is None or entry.words is None:
            return []
        return [
            Words(
                channel=awaited.leg.channel,
                utterance=entry.number,
                seq=entry.seq,
                start=awaited.start,
                end=awaited.end,
                words=entry.words.words,
                unavailable=entry.words.trouble,
                speakers=entry.leg.speakers.of(entry.number),
            )
        ]

    def _partial(self, leg: LegResults, utterance: int, entry: wire.RawEntry) -> list[Event]:
        partial = wire.read_owned(entry, PARTIAL_TEXT)
        if partial is None:
            return []
        if partial.paused and self.pauses:
            answer = leg.answers.weighed(utterance, partial)
            self._paused.append(PauseText(leg.leg.channel, utterance, partial, answer))
        derived: list[Event] = []
        derived += leg.turns.partial(utterance, partial) if self._turns else []
        derived += leg.answers.partial(utterance, partial)
        before, leg.newest = leg.newest, (utterance, partial.text, partial.stable)
        if not self.partials or (partial.paused and leg.newest == before):
            return derived
        return [
            *derived,
            Partial(
                channel=leg.leg.channel,
                utterance=utterance,
                start=partial.start,
                end=partial.end,
                text=partial.text,
                stable=partial.stable,
                language=partial.language,
            ),
        ]

    def _speech_events(self, leg: LegResults, entries: Sequence[wire.RawEntry]) -> list[Event]:
        events: list[Event] = []
        for entry in entries:
            if (happened := wire.read_owned(entry, SPEECH_ENTRY)) is None:
                continue
            for each in happened.events:
                event = speech_event(leg.leg.channel, each)
                if event is not None and not leg.has_told(event):
                    events.append(event)
            trouble = happened.trouble
            if trouble is not None and trouble.at > leg.seen_until:
                facts = (trouble.at, trouble.problem, trouble.level)
                events.append(LineTrouble(leg.leg.channel, *facts))
            if self._turns:
                events += leg.turns.speech(happened)
        return events


def _text(leg: LegResults, entry: wire.RawEntry) -> _Text:
    stream_id, fields = entry
    values = dict(pairs(fields))
    item, words = values.get(wire.BODY_FIELD), values.get(wire.WORDS_FIELD)
    # Words that come alone follow some later item, so the id's first half is not their number.
    number = values.get(wire.UTTERANCE_FIELD) or wire.id_halves(stream_id)[0]
    committed = values.get(wire.COMMITTED_FIELD)
    return _Text(
        leg,
        int(number),
        int(values[wire.SEQ_FIELD]),
        None if item is None else text.ITEM.unpack(item),
        None if words is None else text.WORDS.unpack(words),
        None if committed is None else float(committed),
    )
