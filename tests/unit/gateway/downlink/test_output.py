"""What a client is told of its results, and of its call's lag."""

from dataclasses import replace
from typing import Any, cast

import pytest

from common.bus import wire
from common.bus.keys import Leg
from common.options import SessionOptions
from common.pipeline.control import Hint
from common.pipeline.speech import Started
from common.redis.link import Link
from gateway.downlink.output import Output
from gateway.downlink.traces import Traces
from gateway.downlink.turn_counts import TurnCounts
from gateway.protocols.commands import EVENTS, About, AudioFormat
from gateway.protocols.events import Event, Final, Keyword, Partial, SpeechStarted, Words
from gateway.record import SessionRecord
from gateway.uplink.arrivals import Arrivals
from tests.unit.gateway.feed.test_results import (
    before_pause,
    end,
    item,
    later,
    partial,
    speech,
)
from tests.unit.gateway.stand_ins import Table

STARTED = Started(1, 3, 4, 0.9)


class Heard:
    """An output, and what it hands on."""

    def __init__(
        self,
        *events: str,
        after: int = 0,
        channels: int = 1,
        start: int = 0,
        options: SessionOptions | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.told: list[bool] = []
        """For each delivery, whether it was the last."""
        self.hints: list[Hint] = []
        self.arrivals = Arrivals(start)
        sound = AudioFormat("pcm16", 16_000, channels)
        wanted = frozenset(events)
        record = SessionRecord(
            options or SessionOptions(), sound, wanted, About(), frozenset(), "g"
        )
        table = Table()
        self.metrics = table.metrics
        self.output = Output(
            cast(Link, table.around),
            self.metrics,
            "s",
            record,
            self.arrivals,
            Traces(cast(Link, table.around), "g", self.metrics),
            TurnCounts(
                self.metrics.turns,
                table.meter,
                record.options,
                tenant=record.tenant,
                protocol="native",
            ),
            after=after,
            words_wait=60.0,
        )

    def deliver(self, news: dict[bytes, list[wire.RawEntry]]) -> None:
        """Hand on what comes of new entries, as a call does."""
        came = self.output.read(news)
        self.events += came.events
        self.told.append(came.complete)
        self.hints += came.hints

    def lags(self, heard: dict[int, float], until: float) -> list[tuple[int, float]]:
        """Tell how many seconds of each channel were heard; return what was told."""
        positions = {channel: round(16_000 * each) for channel, each in heard.items()}
        told = self.output.lags(positions, round(16_000 * until))
        return [(lag.channel, lag.seconds) for lag in told]


TEXT, OTHER_TEXT = (Leg("s", channel).key("text") for channel in (0, 1))
SPEECH = Leg("s", 0).key("speech")


async def test_finals_are_handed_on_and_the_last_item_completes_it():
    heard = Heard()
    heard.deliver({TEXT: [item(1, 1)]})
    assert [type(event) for event in heard.events] == [Final]
    heard.deliver({TEXT: [end(2, 1)]})
    assert heard.told == [False, True]


async def test_it_is_complete_only_with_every_channel_and_every_awaited_word():
    heard = Heard(channels=2)
    heard.deliver({TEXT: [item(1, 1, align="d"), end(2, 1)]})
    heard.deliver({OTHER_TEXT: [end(1, 1)]})
    heard.deliver({TEXT: [later(2, 2, 1)]})
    assert [type(event) for event in heard.events] == [Final, Words]
    assert heard.told == [False, False, True]
    heard.output.close()


@pytest.mark.parametrize(("wanted", "told"), [("speech_started", True), ("lag", False)])
async def test_speech_is_read_for_who_wants_any_of_it(wanted, told):
    heard = Heard(wanted)
    keys = {cursor.key for cursor in heard.output.cursors(None)}
    assert (SPEECH in keys) is told
    if told:
        heard.deliver({SPEECH: [speech(2, STARTED)]})
        assert [type(event) for event in heard.events] == [SpeechStarted]


async def test_what_came_before_the_client_came_back_is_not_handed_on():
    heard = Heard(after=1)
    heard.deliver({TEXT: [item(1, 1), item(2, 2)]})
    assert [event.seq for event in heard.events if isinstance(event, Final)] == [2]


async def test_a_client_is_told_while_it_is_heard_late_and_once_when_no_more():
    heard = Heard("lag")
    assert heard.lags({0: 9.5}, 10) == []
    assert heard.lags({0: 9.5}, 12) == [(0, 2.5)]
    assert heard.lags({0: 9.5}, 14) == [(0, 4.5)]
    assert heard.lags({0: 15.5}, 16) == [(0, 0.5)]
    assert heard.lags({0: 16.5}, 17) == []


async def test_each_channel_is_told_for_itself():
    heard = Heard("lag", channels=2)
    assert heard.lags({0: 10, 1: 5}, 10) == [(1, 5.0)]
    assert heard.lags({0: 7, 1: 10}, 10) == [(0, 3.0), (1, 0.0)]


async def test_a_channel_of_which_nothing_is_known_was_heard_up_to_where_that_was():
    heard = Heard("lag", channels=2)
    assert heard.lags({}, 1) == []
    assert heard.lags({1: 2}, 3) == [(0, 3.0)]
    assert heard.lags({0: 5}, 5) == [(0, 0.0), (1, 3.0)]
    assert heard.lags({}, 8) == [(0, 3.0), (1, 6.0)]


async def test_of_a_call_that_goes_on_only_what_it_adds_can_be_late():
    heard = Heard("lag", start=60 * 16_000)
    assert heard.lags({}, 61) == []
    assert heard.lags({}, 63) == [(0, 3.0)]
    assert heard.lags({0: 62.5}, 63) == [(0, 0.5)]


async def test_what_was_heard_ahead_of_what_is_known_here_is_no_lag():
    # Of a call that was resumed: the client sends again what Redis has.
    heard = Heard("lag")
    assert heard.lags({0: 12}, 10) == []


async def test_nobody_is_told_unasked():
    heard = Heard(*(event for event in EVENTS if event != "lag"))
    assert heard.lags({0: 0}, 10) == []


async def test_latency_is_measured_of_what_came_live_to_this_gateway(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("gateway.uplink.arrivals.time.monotonic", lambda: clock[0])
    heard = Heard()
    finals = cast(Any, heard.metrics.endpoint_to_final)
    heard.deliver({TEXT: [item(1, 1)]})
    before = finals._sum.get()
    for position in range(1_600, 32_001, 1_600):
        clock[0] += 0.1
        heard.arrivals.note(position)
    clock[0] += 0.25
    heard.deliver({TEXT: [item(2, 2, at=32_000)]})
    assert finals._sum.get() - before == pytest.approx(0.25)


async def test_a_latency_that_is_not_known_is_not_observed():
    """After a resumption nothing is known of the audio before: it is no 0 s."""
    heard = Heard(start=16_000)
    finals, partials = (
        cast(Any, each) for each in (heard.metrics.endpoint_to_final, heard.metrics.partial_latency)
    )
    heard.deliver({TEXT: [item(1, 1)]})
    list(heard.output.cursors({Leg("s", 0): {"part:2"}}))
    heard.deliver({Leg("s", 0).key("part:2"): [partial(1, 2, "hello")]})
    assert {type(each) for each in heard.events} >= {Final, Partial}
    observed = [sum(bucket.get() for bucket in each._buckets) for each in (finals, partials)]
    assert observed == [0, 0]


async def test_switched_off_partials_are_neither_told_nor_searched_for_keywords():
    heard = Heard("keyword")
    options = SessionOptions(keywords=("hello",))
    heard.output.configure(replace(options, interim_results=False))
    part = Leg("s", 0).key("part:1")
    for key in (part, TEXT):
        list(heard.output.cursors({Leg("s", 0): {"part:1"}}))
        heard.deliver({key: [partial(1, 2, "hello") if key == part else item(1, 1)]})
    assert [type(event) for event in heard.events] == [Final, Keyword]
    heard.events.clear()
    heard.output.configure(options)
    part = Leg("s", 0).key("part:2")
    list(heard.output.cursors({Leg("s", 0): {"part:2"}}))
    heard.deliver({part: [partial(1, 2, "hello", 5)]})
    assert [type(event) for event in heard.events] == [Partial, Keyword]


async def test_keywords_follow_the_result_that_they_stand_in_for_who_wants_them():
    heard = Heard("keyword")
    heard.deliver({TEXT: [item(1, 1)]})
    assert [type(event) for event in heard.events] == [Final]
    heard.output.configure(SessionOptions(keywords=("Hello",)))
    heard.deliver({TEXT: [item(2, 2), item(3, 3)]})
    assert [type(event) for event in heard.events[1:]] == [Final, Keyword, Final, Keyword]
    unasked = Heard()
    unasked.output.configure(SessionOptions(keywords=("Hello",)))
    unasked.deliver({TEXT: [item(1, 1)]})
    assert [type(event) for event in unasked.events] == [Final]


TURN = SessionOptions(endpointing="turn", silence_threshold=0.8)
PART = Leg("s", 0).key("part:1")


def hints(heard: Heard, said: str) -> list[float]:
    """Return how long pauses behind this text may be, in seconds, as far as that was told."""
    heard.hints.clear()
    list(heard.output.cursors({Leg("s", 0): {"part:1"}}))
    heard.deliver({PART: [before_pause(2, said)]})
    assert all((hint.channel, hint.utterance, hint.end) == (0, 1, 15) for hint in heard.hints)
    return [hint.silence / 16_000 for hint in heard.hints]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("That is all.", [0.4]),
        ("I would like to", [1.6]),
        ("It is five five", [1.6]),
        ("?", [1.6]),
        ("Tak", [1.2]),
    ],
)
async def test_a_pause_may_be_as_long_as_its_words_suggest(said, told):
    assert hints(Heard(options=TURN), said) == told


async def test_pauses_are_weighed_only_while_asked_for_and_live():
    heard = Heard()
    assert hints(heard, "That is all.") == []
    heard.output.configure(replace(TURN, silence_threshold=0.5))
    assert hints(heard, "That is all.") == [0.25]
    heard.arrivals.note(60 * 16_000)  # an upload: a minute in a moment
    assert hints(heard, "That is all.") == []


async def test_what_silence_ended_is_counted_with_how_long_it_took():
    heard = Heard()
    spoken = {"start": 0, "end": 16_000, "at": 28_800, "reason": "silence"}
    heard.deliver({TEXT: [item(1, 1, **spoken), item(2, 2, **{**spoken, "start": 20_000})]})
    turns = heard.metrics.turns
    assert turns.delay.labels("silence")._sum.get() == pytest.approx(1.6)
    assert turns.ends.labels("silence", "cut")._value.get() == 0
    heard.deliver({TEXT: [end(3, 2)]})
    counted = [turns.ends.labels("silence", each)._value.get() for each in ("cut", "over")]
    assert counted == [1, 1]
