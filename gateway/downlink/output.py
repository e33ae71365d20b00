"""Sends a call's results to its client, and measures how late they are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from common.audio import samples, seconds
from common.bus import wire
from common.bus.keys import Leg
from common.bus.reading import Cursor
from common.options import SessionOptions
from common.pipeline.control import Hint
from common.redis.link import Link
from common.telemetry.logs import Log
from common.telemetry.metrics import GatewayMetrics
from gateway.downlink.judgements import Judgement, Judgements
from gateway.downlink.late_words import LateWords
from gateway.downlink.traces import CallTrace, Traces
from gateway.endpointing.tail import Place, hint
from gateway.feed.keywords import KeywordSpotter
from gateway.feed.results import PauseText, Results
from gateway.protocols.commands import KEYWORD, LAG
from gateway.protocols.events import Event, Final, Lag, Partial, Timing
from gateway.record import SessionRecord
from gateway.uplink.arrivals import Arrivals

_log = Log(__name__)

_LAG_FROM = 2.0
"""Least lag that a client is told of, in seconds: the figure may be 1 s old."""


class Told(Protocol):
    """The session, as its results see it."""

    def tell(self, events: Sequence[Event], complete: bool) -> None:
        """Tell the client of these events; `complete`: they were the last."""

    def hint(self, hint: Hint) -> None:
        """Let a pause be as long as its words suggest."""

    def doubt(self) -> None:
        """See `gateway.feed.feed.Listener`."""

    def lose(self, code: str, text: str) -> None:
        """Give the call up, and tell the client why."""


class Output:
    """The results of one call for one connection; `after` is the last `seq` its client has.

    `words_wait`: seconds that the end of the call waits for words still to come.

    Implements `gateway.feed.feed.Listener` for the session, which is `told`.
    """

    def __init__(
        self,
        link: Link,
        metrics: GatewayMetrics,
        session: str,
        record: SessionRecord,
        told: Told,
        arrivals: Arrivals,
        traces: Traces,
        *,
        after: int,
        words_wait: float,
    ) -> None:
        legs = [Leg(session, channel) for channel in range(record.audio.channels)]
        self._arrivals = arrivals
        self._trace = CallTrace(traces, session, arrivals)
        self._told = told
        self._session = session
        self._metrics = metrics
        self._words_wait = words_wait
        partials = record.options.interim_results
        self._options = record.options
        self._results = Results(
            legs,
            speech=record.speech,
            turns=record.turns,
            partials=partials,
            pauses=record.options.endpointing == "turn",
            after=after,
        )
        self._late_words = LateWords(link, session)
        self._keywords = KeywordSpotter(record.options) if KEYWORD in record.events else None
        self._tells_lag = LAG in record.events
        self._judgements = Judgements()
        self._heard = dict.fromkeys(range(record.audio.channels), arrivals.start)
        self._lags: dict[int, float] = {}

    @property
    def spoken(self) -> int:
        """See `Results.spoken`."""
        return self._results.spoken

    def configure(self, options: SessionOptions) -> None:
        """Let new options take effect with the next results."""
        self._options = options
        self._results.partials = options.interim_results
        self._results.pauses = options.endpointing == "turn"
        if self._keywords is not None:
            self._keywords.configure(options)

    def cursors(self, kinds: Mapping[Leg, set[str]] | None) -> Iterable[Cursor]:
        """See `Listener`."""
        return self._results.cursors(kinds)

    def deliver(self, news: Mapping[bytes, list[wire.RawEntry]]) -> None:
        """See `Listener`."""
        events = [self._timed(event) for event in self._results.read(news)]
        for pause in self._results.paused:
            self._weigh(pause)
        if self._keywords is not None:
            events = [each for e in events for each in (e, *self._keywords.spot(e))]
        self._late_words.note(self._results.awaited)
        if self._results.ended:
            self._count(self._judgements.close())
        self._told.tell(events, self._complete())
        self._trace.note(events)

    def doubt(self) -> None:
        """See `Listener`."""
        self._told.doubt()

    def fail(self, error: Exception) -> None:
        """See `Listener`."""
        # What cannot be read now cannot be read at the next look either.
        _log.exception("session.failed", error, session=self._session)
        self._told.lose("internal_error", "the server made a mistake")

    def heard(self, heard: Mapping[int, int], position: int) -> None:
        """Note how far channels were heard, if that is known, and where their audio ends."""
        self._heard.update(heard)
        events: list[Event] = []
        for channel, until in self._heard.items():
            lag = seconds(max(0, position - until))
            if lag >= _LAG_FROM or self._lags.get(channel, 0.0) >= _LAG_FROM:
                events.append(Lag(channel, lag))
            self._lags[channel] = lag
        if events and self._tells_lag:
            self._told.tell(events, False)

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

    def _weigh(self, pause: PauseText) -> None:
        """Say how long a pause may be. Not of an upload, whose audio is far beyond it already."""
        if not self._arrivals.live:
            return
        place = Place(pause.channel, pause.utterance, pause.said.end)
        said = pause.said
        found = hint(place, said.text, said.language, self._options, said.slot)
        if found.eager or found.silence != samples(self._options.silence_threshold):
            self._told.hint(found)

    def _judge(self, final: Final) -> None:
        """Measure how well silence ended a live utterance, and those before it."""
        endpointing = self._options.endpointing
        if final.reason == "silence":
            delay = seconds(final.at - final.end)
            self._metrics.turns.delay.labels(endpointing).observe(delay)
        self._count(self._judgements.note(final))

    def _count(self, judgements: Sequence[Judgement]) -> None:
        for verdict in judgements:
            self._metrics.turns.ends.labels(self._options.endpointing, verdict).inc()

    def _timed(self, event: Event) -> Event:
        """Measure how late an event is, and note it in a final."""
        if not self._arrivals.live:
            return event
        match event:
            case Partial():
                if (age := self._arrivals.age(event.end)) is not None:
                    self._metrics.partial_latency.observe(age)
            case Final() if event.text:
                self._judge(event)
                spoken, decided = map(self._arrivals.age, (event.end, event.at))
                if decided is not None:
                    self._metrics.endpoint_to_final.observe(decided)
                if spoken is not None and decided is not None:
                    return replace(event, timing=Timing(max(0.0, spoken - decided), spoken))
        return event
