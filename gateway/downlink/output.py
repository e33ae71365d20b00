"""A call's results for its client, and how late they are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from common.audio import samples, seconds
from common.bus import wire
from common.bus.keys import Leg
from common.bus.reading import Cursor
from common.options import SessionOptions
from common.pipeline.control import Hint
from common.redis.link import Link
from common.telemetry.metrics import GatewayMetrics
from gateway.answers.answering import Found
from gateway.downlink.late_words import LateWords
from gateway.downlink.traces import CallTrace, Traces
from gateway.downlink.turn_counts import TurnCounts
from gateway.endpointing import tail
from gateway.feed.keywords import KeywordSpotter
from gateway.feed.results import PauseText, Results
from gateway.protocols.commands import KEYWORD, LAG
from gateway.protocols.events import Event, Final, Lag, Partial, Timing
from gateway.record import SessionRecord
from gateway.uplink.arrivals import Arrivals

_LAG_FROM = 2.0
"""Least lag that a client is told of, in seconds: the figure may be 1 s old."""


class Came(NamedTuple):
    """What new entries come to, in order; `complete`: nothing will follow.

    `hints`: how long a pause may be, by its words.
    """

    events: Sequence[Event]
    hints: Sequence[Hint]
    complete: bool


class Output:
    """The results of one call for one connection; `after` is the last `seq` its client has.

    `words_wait`: seconds that the end of the call waits for words still to come.
    """

    def __init__(
        self,
        link: Link,
        metrics: GatewayMetrics,
        session: str,
        record: SessionRecord,
        arrivals: Arrivals,
        traces: Traces,
        turns: TurnCounts,
        *,
        after: int,
        words_wait: float,
    ) -> None:
        legs = [Leg(session, channel) for channel in range(record.audio.channels)]
        self._arrivals = arrivals
        self._trace = CallTrace(traces, session, arrivals)
        self._metrics = metrics
        self._words_wait = words_wait
        partials = record.options.interim_results
        self._options = record.options
        self._results = Results(
            legs,
            speech=record.speech,
            turns=record.turns,
            partials=partials,
            pauses=record.options.weighs_pauses,
            after=after,
        )
        self._late_words = LateWords(link, session)
        self._keywords = KeywordSpotter(record.options) if KEYWORD in record.events else None
        self._tells_lag = LAG in record.events
        self._turns = turns
        self._heard = dict.fromkeys(range(record.audio.channels), arrivals.start)
        self._lags: dict[int, float] = {}

    @property
    def spoken(self) -> int:
        """See `Results.spoken`."""
        return self._results.spoken

    def configure(self, options: SessionOptions) -> None:
        """Let new options take effect with the next results."""
        self._options = self._turns.options = options
        self._results.partials = options.interim_results
        self._results.pauses = options.weighs_pauses
        if self._keywords is not None:
            self._keywords.configure(options)

    def cursors(self, kinds: Mapping[Leg, set[str]] | None) -> Iterable[Cursor]:
        """See `gateway.feed.feed.Listener`."""
        return self._results.cursors(kinds)

    def read(self, news: Mapping[bytes, list[wire.RawEntry]]) -> Came:
        """Read new entries by stream key."""
        events = [self._timed(event) for event in self._results.read(news)]
        hints = [hint for pause in self._results.paused if (hint := self._weigh(pause))]
        if self._keywords is not None:
            events = [each for e in events for each in (e, *self._keywords.spot(e))]
        self._late_words.note(self._results.awaited)
        if self._results.ended:
            self._turns.close()
        return Came(events, hints, self._complete())

    def sent(self, events: Sequence[Event]) -> None:
        """Take note of events that were just sent."""
        self._trace.note(events)

    def lags(self, heard: Mapping[int, int], position: int) -> Sequence[Lag]:
        """Note how far channels were heard, if that is known, and where their audio ends.

        Returns what a client is told of it, if it wants to know.
        """
        self._heard.update(heard)
        events = []
        for channel, until in self._heard.items():
            lag = seconds(max(0, position - until))
            if lag >= _LAG_FROM or self._lags.get(channel, 0.0) >= _LAG_FROM:
                events.append(Lag(channel, lag))
            self._lags[channel] = lag
        return events if self._tells_lag else ()

    def forgo_overdue_words(self) -> None:
        """See `LateWords.forgo_overdue`."""
        self._late_words.forgo_overdue()

    def close(self) -> None:
        """Stop waiting."""
        self._late_words.close()

    def _complete(self) -> bool:
        """Whether nothing will follow; words still to come get `words_wait` seconds."""
        if not self._results.ended:
            return False
        if self._late_words.pending:
            self._late_words.forgo_after(self._words_wait)
            return False
        return True

    def _weigh(self, pause: PauseText) -> Hint | None:
        """Say how long a pause may be. Not of an upload, whose audio is far beyond it already."""
        if not self._arrivals.live:
            return None
        answer = evidence_of(pause.answer)
        found = tail.hint(pause.channel, pause.utterance, pause.said, self._options, answer)
        told = found.eager or found.silence != samples(self._options.silence_threshold)
        return found if told else None

    def _timed(self, event: Event) -> Event:
        """Measure how late an event is, and note it in a final."""
        if not self._arrivals.live:
            return event
        match event:
            case Partial():
                if (age := self._arrivals.age(event.end)) is not None:
                    self._metrics.partial_latency.observe(age)
            case Final() if event.text:
                self._turns.note(event)
                spoken, decided = map(self._arrivals.age, (event.end, event.at))
                if decided is not None:
                    self._metrics.endpoint_to_final.observe(decided)
                if spoken is not None and decided is not None:
                    return replace(event, timing=Timing(max(0.0, spoken - decided), spoken))
        return event


def evidence_of(answer: Found | None) -> tail.Evidence | None:
    """Return what an answer says of a pause behind it; None if there is none."""
    if answer is None or not (answer.complete or answer.begun):
        return None
    return tail.Evidence.FILLED if answer.complete else tail.Evidence.AWAITED
