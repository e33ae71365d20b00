from dataclasses import replace
from typing import Any

import pytest

from common.bus import wire
from common.bus.keys import Leg
from common.bus.wire import RawEntry, StreamId
from common.pipeline import speech as bus
from common.pipeline import text
from common.pipeline.partial import PartialText
from common.pipeline.record import pack
from common.pipeline.slot import Heard, Slot
from common.pipeline.trace import Decoding, Endpoint
from gateway.feed.results import AwaitedWords, Results
from gateway.protocols.events import (
    Answer,
    Dtmf,
    Event,
    Final,
    Gap,
    LineTrouble,
    Overlap,
    Partial,
    SpeakerRevision,
    SpeechEnded,
    SpeechStarted,
    Turn,
    Words,
)
from gateway.protocols.stretches import Stretch
from tests.unit.gateway.feed.voices import SECOND, voice

LEG, OTHER = Leg("s", 0), Leg("s", 1)
WORDS = (text.TimedWord("hello", 11, 19, 0.5),)


def item(number: int, seq: int, **body: Any) -> RawEntry:
    """Return a text entry as `scripts.COMMIT` writes it."""
    final = text.Final(start=10, end=20, at=25, text="hello", language="English", reason="silence")
    packed = pack(replace(final, **body))
    return wire.entry_id(number, 1), [wire.SEQ_FIELD, b"%d" % seq, wire.BODY_FIELD, packed]


def timed(entry: RawEntry, words: Any = WORDS, trouble: str = "") -> RawEntry:
    """Return an item's entry with the words that were there before it."""
    stream_id, fields = entry
    packed = pack(text.Words(words, trouble))
    return stream_id, [*fields, wire.WORDS_FIELD, packed]


def later(after: int, seq: int, utterance: int, words: Any = WORDS, trouble: str = "") -> RawEntry:
    """Return the entry of words that came later, as `scripts.ATTACH` writes it after an item."""
    fields = [wire.SEQ_FIELD, b"%d" % seq, wire.UTTERANCE_FIELD, b"%d" % utterance]
    return timed((wire.entry_id(after, seq), fields), words, trouble)


def end(number: int, seq: int) -> RawEntry:
    fields = [wire.SEQ_FIELD, b"%d" % seq, wire.BODY_FIELD, pack(text.End())]
    return wire.entry_id(number, 1), fields


def partial(epoch: int, n: int, so_far: str, stable: int = 2) -> RawEntry:
    packed = pack(PartialText(10, 15, so_far, stable, None))
    return wire.entry_id(epoch, n), [wire.BODY_FIELD, packed]


def speech(n: int, *events: bus.Event) -> RawEntry:
    return wire.entry_id(1, n), [wire.BODY_FIELD, pack(bus.SpeechEntry(StreamId(100, 0), events))]


def marker(epoch: int) -> RawEntry:
    return wire.entry_id(epoch, 1), [wire.OWNER_FIELD, b"worker"]


def seen(events: list[Event]) -> list[tuple[str, int, int]]:
    """Return (type, channel, utterance) of finals and partials."""
    return [
        (type(event).__name__, event.channel, event.utterance)
        for event in events
        if isinstance(event, Final | Partial)
    ]


def keys_of(results: Results, kinds: dict[Leg, set[str]] | None) -> dict[bytes, bytes]:
    return {cursor.key: cursor.after for cursor in results.cursors(kinds)}


@pytest.fixture
def results() -> Results:
    return Results([LEG, OTHER], speech=True)


def test_a_final_is_read_whole(results):
    news = {LEG.key("text"): [item(3, 7, words=WORDS, reason="flush", failed=True)]}
    assert results.read(news) == [
        Final(
            channel=0,
            utterance=3,
            seq=7,
            start=10,
            end=20,
            at=25,
            text="hello",
            language="English",
            words=WORDS,
            reason="flush",
            failed=True,
        )
    ]


def test_finals_of_all_legs_come_in_the_order_of_their_numbers(results):
    events = results.read(
        {
            LEG.key("text"): [item(1, 1), item(2, 4)],
            OTHER.key("text"): [item(1, 2), item(2, 3)],
        }
    )
    assert [event.seq for event in events] == [1, 2, 3, 4]


def test_the_cursor_moves_behind_what_was_read(results):
    results.read({LEG.key("text"): [item(1, 1), item(2, 2)]})
    cursors = keys_of(results, None)
    assert cursors[LEG.key("text")] == b"2-1"
    assert cursors[OTHER.key("text")] == b"0-0"


def test_a_text_that_rings_has_the_texts_of_all_legs_read(results):
    assert set(keys_of(results, {LEG: {"text"}})) == {LEG.key("text"), OTHER.key("text")}


def test_speech_that_rings_is_read_of_that_leg_alone(results):
    assert set(keys_of(results, {OTHER: {"speech"}})) == {OTHER.key("speech")}


def test_speech_is_not_read_for_who_does_not_want_it():
    results = Results([LEG], speech=False)
    assert keys_of(results, {LEG: {"speech"}}) == {}
    assert set(keys_of(results, None)) == {LEG.key("text")}


def test_a_partial_is_followed_until_its_final(results):
    part = LEG.key("part:1")
    assert set(keys_of(results, {LEG: {"part:1"}})) == {part}
    assert seen(results.read({part: [marker(1), partial(1, 2, "hel")]})) == [("Partial", 0, 1)]
    assert keys_of(results, {LEG: {"part:1"}}) == {part: b"1-2"}
    # The sweep finds it without a notification.
    assert part in keys_of(results, None)
    results.read({LEG.key("text"): [item(1, 1)]})
    assert keys_of(results, {LEG: {"part:1"}}) == {}
    assert part not in keys_of(results, None)


def test_partials_are_read_while_they_are_wanted(results):
    part = LEG.key("part:1")
    list(results.cursors({LEG: {"part:1"}}))
    results.partials = False
    assert part not in keys_of(results, None)
    assert keys_of(results, {LEG: {"part:1"}}) == {}
    # What was asked for before is not told any more.
    assert results.read({part: [partial(1, 2, "hel")]}) == []
    results.partials = True
    assert part in keys_of(results, None)
    assert seen(results.read({part: [partial(1, 3, "hello")]})) == [("Partial", 0, 1)]


def test_a_partial_read_together_with_its_final_comes_before_it(results):
    list(results.cursors({LEG: {"part:1"}}))
    news = {LEG.key("part:1"): [partial(1, 2, "hel")], LEG.key("text"): [item(1, 1)]}
    assert seen(results.read(news)) == [("Partial", 0, 1), ("Final", 0, 1)]


def test_no_partial_follows_its_final(results):
    list(results.cursors({LEG: {"part:1"}}))
    results.read({LEG.key("text"): [item(1, 1)]})
    assert results.read({LEG.key("part:1"): [partial(1, 2, "late")]}) == []


def test_only_the_newest_partial_counts_and_an_owners_marker_is_none(results):
    list(results.cursors({LEG: {"part:1"}}))
    part = LEG.key("part:1")
    (event,) = results.read({part: [partial(1, 2, "hel"), partial(1, 3, "hello")]})
    assert event == Partial(0, 1, 10, 15, "hello", 2, None)
    assert results.read({part: [marker(2)]}) == []


def test_speech_events_become_the_clients(results):
    entry = speech(
        2,
        bus.Gap(1, 2),
        bus.Started(1, 3, 4, 0.9),
        bus.Paused(1, 3, 5, 6),
        bus.Resumed(1, 7),
        bus.Ended(1, 3, 8, 9, "flush"),
    )
    assert results.read({LEG.key("speech"): [marker(1), entry]}) == [
        Gap(0, 1, 2),
        SpeechStarted(0, 1, 3, 4),
        SpeechEnded(0, 1, 3, 8, 9, "flush"),
    ]


def test_it_has_ended_when_every_leg_has(results):
    assert results.read({LEG.key("text"): [item(1, 1), end(2, 1)]}) != []
    assert not results.ended
    assert results.read({OTHER.key("text"): [end(1, 1)]}) == []
    assert results.ended


def word_fields(event: Event) -> tuple[object, bool, str]:
    assert isinstance(event, Final)
    return event.words, event.words_pending, event.unavailable


def test_words_that_were_there_before_their_item_come_with_the_final(results):
    texts = [timed(item(1, 1, align="d")), timed(item(2, 2, align="e"), None, "no audio")]
    first, second = results.read({LEG.key("text"): texts})
    assert word_fields(first) == (WORDS, False, "")
    assert word_fields(second) == (None, False, "no audio")
    assert results.awaited == []


def test_words_that_will_not_come_are_not_awaited(results):
    (event,) = results.read({LEG.key("text"): [item(1, 1, unavailable="no aligner is running")]})
    assert word_fields(event) == (None, False, "no aligner is running")
    assert results.awaited == []


def test_words_that_come_later_are_an_event_of_their_own(results):
    texts = LEG.key("text")
    (event,) = results.read({texts: [item(1, 1, align="d")]})
    assert word_fields(event) == (None, True, "")
    assert results.awaited == [AwaitedWords(LEG, 1, "d", 10, 20)]
    assert results.read({texts: [item(2, 2), later(2, 3, 1)]})[1:] == [
        Words(0, 1, 3, 10, 20, WORDS)
    ]
    assert results.awaited == []
    assert keys_of(results, None)[texts] == b"2-3"


def test_words_that_could_not_be_timed_say_why(results):
    events = results.read({LEG.key("text"): [item(1, 1, align="d"), later(1, 2, 1, None, "why")]})
    assert events[1:] == [Words(0, 1, 2, 10, 20, None, "why")]


def test_words_and_finals_of_all_legs_come_in_the_order_of_their_numbers(results):
    events = results.read(
        {
            LEG.key("text"): [item(1, 1, align="d"), item(2, 3), later(2, 5, 1)],
            OTHER.key("text"): [item(1, 2, align="e"), later(1, 4, 1), item(2, 6)],
        }
    )
    assert [(type(event).__name__, event.seq) for event in events] == [
        *(("Final", 1), ("Final", 2), ("Final", 3)),
        *(("Words", 4), ("Words", 5), ("Final", 6)),
    ]


def test_words_may_come_after_the_end(results):
    texts = LEG.key("text")
    results.read({texts: [item(1, 1, align="d"), end(2, 1)], OTHER.key("text"): [end(1, 1)]})
    assert results.ended
    assert len(results.awaited) == 1
    assert len(results.read({texts: [later(2, 2, 1)]})) == 1
    assert results.awaited == []


# --- for a client that resumed ---


def told(events: list[Event]) -> list[tuple[str, int]]:
    return [(type(e).__name__, e.seq) for e in events if isinstance(e, Final | Words)]


def test_what_a_client_has_is_not_told_again():
    results = Results([LEG, OTHER], speech=False, after=3)
    events = results.read(
        {
            LEG.key("text"): [item(1, 1), item(2, 4), item(3, 5)],
            OTHER.key("text"): [item(1, 2), item(2, 3)],
        }
    )
    assert told(events) == [("Final", 4), ("Final", 5)]


def test_a_client_that_has_nothing_is_told_everything():
    texts = [item(1, 0, shown=False), item(2, 1)]
    events = Results([LEG], speech=False, after=0).read({LEG.key("text"): texts})
    assert told(events) == [("Final", 0), ("Final", 1)]


def test_noise_has_a_final_that_does_not_count():
    results = Results([LEG], speech=False)
    events = results.read({LEG.key("text"): [item(1, 1), item(2, 1, shown=False)]})
    assert told(events) == [("Final", 1), ("Final", 1)]


def test_words_of_a_final_that_it_has_are_told_if_it_has_them_not():
    results = Results([LEG], speech=False, after=2)
    texts = [item(1, 1, align="d"), item(2, 2, align="e"), later(2, 3, 1)]
    events = results.read({LEG.key("text"): texts})
    assert events == [Words(0, 1, 3, 10, 20, WORDS)]
    assert results.awaited == [AwaitedWords(LEG, 2, "e", 10, 20)]
    assert told(results.read({LEG.key("text"): [later(2, 4, 2)]})) == [("Words", 4)]
    assert results.awaited == []


def test_words_that_it_has_are_neither_told_nor_awaited():
    results = Results([LEG], speech=False, after=2)
    events = results.read({LEG.key("text"): [item(1, 1, align="d"), later(1, 2, 1)]})
    assert events == []
    assert results.awaited == []


def test_a_call_may_have_ended_with_what_the_client_has():
    results = Results([LEG], speech=False, after=1)
    assert results.read({LEG.key("text"): [item(1, 1), end(2, 1)]}) == []
    assert results.ended


def started(utterance: int) -> bus.Event:
    return bus.Started(utterance, 3, 4, 0.9)


def ended(utterance: int) -> bus.Event:
    return bus.Ended(utterance, 3, 8, 9, "flush")


def test_speech_of_what_was_settled_before_is_not_told_and_the_rest_is():
    results = Results([LEG], speech=True, after=1)
    happened = speech(2, *(each(n) for n in (1, 2, 3) for each in (started, ended)))
    events = results.read(
        {LEG.key("speech"): [happened], LEG.key("text"): [item(1, 1), item(2, 2)]}
    )
    # It has no final of the second: it may not know of its beginning either.
    assert [
        (type(e).__name__, e.utterance)
        for e in events
        if isinstance(e, SpeechStarted | SpeechEnded)
    ] == [
        *(("SpeechStarted", 2), ("SpeechEnded", 2)),
        *(("SpeechStarted", 3), ("SpeechEnded", 3)),
    ]
    assert told(events) == [("Final", 2)]


def test_each_leg_settles_its_own_speech():
    results = Results([LEG, OTHER], speech=True, after=1)
    news = {leg.key("speech"): [speech(2, started(1))] for leg in (LEG, OTHER)}
    events = results.read({**news, LEG.key("text"): [item(1, 1)]})
    assert [e.channel for e in events if isinstance(e, SpeechStarted)] == [1]


def test_a_gap_is_told_again_unless_a_later_utterance_was_settled():
    gaps = [bus.Gap(1, 2), bus.Gap(30, 31)]
    news = {LEG.key("speech"): [speech(2, *gaps)], LEG.key("text"): [item(1, 1)]}
    assert Results([LEG], speech=True, after=1).read(news) == [Gap(0, 30, 31)]
    assert Results([LEG], speech=True, after=0).read(news)[:2] == [Gap(0, 1, 2), Gap(0, 30, 31)]


def test_the_end_settles_no_gap():
    results = Results([LEG], speech=True, after=1)
    gap = speech(2, bus.Gap(30, 31))
    news = {LEG.key("speech"): [gap], LEG.key("text"): [item(1, 1), end(2, 1)]}
    assert results.read(news) == [Gap(0, 30, 31)]


def test_no_partial_of_what_the_client_has_is_followed():
    results = Results([LEG], speech=False, after=1)
    results.read({LEG.key("text"): [item(1, 1)]})
    assert set(keys_of(results, {LEG: {"part:1"}})) == set()
    assert set(keys_of(results, {LEG: {"part:2"}})) == {LEG.key("part:2")}


def test_texts_are_read_whole_and_nothing_else_is():
    results = Results([Leg("s", 0), Leg("s", 1)], speech=True)
    cursors = list(results.cursors({Leg("s", 0): {"part:1", "speech"}, Leg("s", 1): {"text"}}))
    assert {cursor.key for cursor in cursors if cursor.whole} == {
        Leg("s", channel).key("text") for channel in (0, 1)
    }
    assert len(cursors) > 2


def test_a_final_has_its_stamps():
    endpoint = Endpoint(heard=1.0, decided=1.5, worker="vad-1")
    decoding = Decoding(begun=1.5, ended=2.0, worker="asr-1")
    stream_id, fields = item(1, 1, endpoint=endpoint, decoding=decoding)
    entered = (stream_id, [*fields, wire.COMMITTED_FIELD, b"2.125"])
    (final,) = Results([LEG], speech=False).read({LEG.key("text"): [entered]})
    assert isinstance(final, Final)
    assert (final.endpoint, final.decoding, final.committed) == (endpoint, decoding, 2.125)
    (older,) = Results([LEG], speech=False).read({LEG.key("text"): [item(1, 1)]})
    assert isinstance(older, Final)
    assert (older.endpoint, older.decoding, older.committed) == (None, None, None)


def test_a_digit_before_the_first_audio_is_told():
    for after in (0, 5):
        results = Results([LEG], speech=True, after=after)
        news = {LEG.key("speech"): [speech(1, bus.Dtmf(0, "5"))]}
        assert results.read(news) == [Dtmf(0, 0, "5")]


def test_a_digit_that_a_client_had_before_it_resumed_is_not_told_again():
    results = Results([LEG], speech=True, after=1)
    results.read({LEG.key("text"): [item(1, 1)]})
    news = {LEG.key("speech"): [speech(1, bus.Dtmf(0, "5"), bus.Dtmf(20, "6"), bus.Dtmf(21, "7"))]}
    assert results.read(news) == [Dtmf(0, 21, "7")]


def test_what_is_wrong_with_the_line_is_told_and_not_again_to_a_client_that_resumes():
    def noticed(n: int, at: int) -> RawEntry:
        trouble = bus.Trouble(at, "low_level", -75.0)
        entry = bus.SpeechEntry(StreamId(at, 0), (), trouble=trouble)
        return wire.entry_id(1, n), [wire.BODY_FIELD, pack(entry)]

    news = {LEG.key("speech"): [noticed(1, 20), noticed(2, 21)]}
    first, second = (LineTrouble(0, at, "low_level", -75.0) for at in (20, 21))
    assert Results([LEG], speech=True).read(news) == [first, second]
    resumed = Results([LEG], speech=True, after=1)
    resumed.read({LEG.key("text"): [item(1, 1)]})
    assert resumed.read(news) == [second]


def before_pause(n: int, said: str, stable: int = 2) -> RawEntry:
    packed = pack(PartialText(10, 15, said, stable, "English", paused=True))
    return wire.entry_id(1, n), [wire.BODY_FIELD, packed]


def test_what_was_said_before_a_pause_is_read_for_who_asks_for_it():
    results = Results([LEG], speech=False, partials=False, pauses=True)
    key = LEG.key("part:1")
    assert key in keys_of(results, {LEG: {"part:1"}})
    news = {key: [partial(1, 2, "hel"), before_pause(3, "hello.")]}
    assert results.read(news) == []
    (pause,) = results.paused
    assert (pause.channel, pause.utterance, pause.said.text) == (0, 1, "hello.")
    assert results.read({key: [partial(1, 4, "hello. And")]}) == []
    assert results.paused == []
    results.pauses = False
    results.read(news)
    assert results.paused == []
    assert key not in keys_of(results, {LEG: {"part:1"}})


def test_a_partial_is_not_told_again_because_of_a_pause():
    results = Results([LEG], speech=False)
    key = LEG.key("part:1")
    keys_of(results, {LEG: {"part:1"}})

    def told(entry: RawEntry) -> list[str]:
        return [e.text for e in results.read({key: [entry]}) if isinstance(e, Partial)]

    assert told(partial(1, 2, "hello")) == ["hello"]
    assert told(before_pause(3, "hello")) == []
    assert told(before_pause(4, "hello.")) == ["hello."]
    assert told(partial(1, 5, "hello.")) == ["hello."]


def turns(results: Results, *news: dict[bytes, list[RawEntry]]) -> list[tuple[str, int]]:
    """Return (kind, number) of turns and finals."""
    return [
        (e.kind, e.step) if isinstance(e, Turn) else ("final", e.utterance)
        for each in news
        for e in results.read(each)
        if isinstance(e, Turn | Final)
    ]


def announced(utterance: int, said: str) -> RawEntry:
    likely = bus.Likely(utterance, 10, 20, 40, 20, 50, said, "closed")
    packed = pack(bus.SpeechEntry(StreamId(100 * utterance, 0), (), likely=likely))
    return wire.entry_id(1, utterance), [wire.BODY_FIELD, packed]


def test_turns_are_told_with_what_they_follow_from():
    results = Results([LEG], speech=True, turns=True, partials=False)
    key = LEG.key("part:1")
    cursors = {cursor.key: cursor for cursor in results.cursors({LEG: {"part:1"}})}
    assert cursors.keys() == {LEG.key("text"), LEG.key("speech"), key} - {LEG.key("text")}
    told = turns(
        results,
        {key: [partial(1, 2, "hel")]},
        {LEG.key("speech"): [announced(1, "hello"), announced(2, "hello")]},
        {LEG.key("text"): [item(1, 1), item(2, 2)]},
    )
    assert told == [
        ("started", 1),
        ("eager_end", 2),
        ("ended", 3),
        ("final", 1),
        ("started", 1),
        ("eager_end", 2),
        ("ended", 3),
        ("final", 2),
    ]


def test_all_that_led_to_a_final_is_read_with_it():
    results = Results([LEG, OTHER], speech=True, turns=True)
    cursors = [each for each in results.cursors({LEG: {"text"}}) if each.whole]
    wanted = {leg.key(kind) for leg in (LEG, OTHER) for kind in ("text", "speech")}
    assert {each.key for each in cursors} == wanted


def test_turns_of_what_a_client_had_before_it_resumed_are_not_told_again():
    results = Results([LEG], speech=True, turns=True, after=1)
    news = {
        LEG.key("text"): [item(1, 1)],
        LEG.key("speech"): [announced(1, "hello"), announced(2, "hello")],
    }
    assert turns(results, news) == [("started", 1), ("eager_end", 2)]


def test_overlaps_are_told_before_the_final_of_the_turn_that_ends_last():
    first = item(1, 1, start=0, end=48_000, text="I think")
    second = item(1, 2, start=30_000, end=90_000, text="but no")
    for after, overlaps in ((0, 1), (1, 1), (2, 0)):
        results = Results([LEG, OTHER], speech=True, turns=True, after=after)
        events = results.read({LEG.key("text"): [first], OTHER.key("text"): [second]})
        found = [each for each in events if isinstance(each, Overlap)]
        assert [(each.channel, each.other_channel, each.interrupted) for each in found] == [
            (1, 0, True)
        ] * overlaps
        if overlaps:
            place = events.index(found[0])
            before, then = events[place - 1], events[place + 1]
            assert isinstance(before, Turn)
            assert isinstance(then, Final)
            assert (before.kind, before.channel, then.channel) == ("ended", 1, 1)


def answered(n: int, value: str) -> RawEntry:
    slot = Slot("digits 2", (Heard(value),))
    packed = pack(PartialText(10, 15, "four two", 0, "English", paused=True, slot=slot))
    return wire.entry_id(1, n), [wire.BODY_FIELD, packed]


def test_an_answer_is_told_once_it_is_whole_and_with_the_final():
    results = Results([LEG], speech=False, partials=False, pauses=True)
    key = LEG.key("part:1")
    keys_of(results, {LEG: {"part:1"}})
    told = [e for n in (2, 3) for e in results.read({key: [answered(n, "42")]})]
    told += results.read({key: [answered(4, "421")]})
    slot = Slot("digits 2", (Heard("43"),))
    told += results.read({LEG.key("text"): [item(1, 1, slot=slot)]})
    assert [(e.value, e.final) for e in told if isinstance(e, Answer)] == [
        ("42", False),
        ("43", True),
    ]
    assert isinstance(told[-1], Final)


def test_what_a_pause_has_of_an_answer_goes_with_its_text():
    results = Results([LEG], speech=False, partials=False, pauses=True)
    keys_of(results, {LEG: {"part:1"}})
    results.read({LEG.key("part:1"): [answered(2, "4")]})
    (pause,) = results.paused
    assert pause.answer is not None
    assert (pause.answer.value, pause.answer.begun) == ("4", True)


def test_an_answer_that_a_client_had_before_it_resumed_goes_on():
    results = Results([LEG], speech=False, after=1)
    first, then = (Slot("digits 2", (Heard(each),)) for each in "42")
    told = results.read({LEG.key("text"): [item(1, 1, slot=first), item(2, 2, slot=then)]})
    assert [each.value for each in told if isinstance(each, Answer)] == ["42"]


def diarized() -> list[RawEntry]:
    """Return finals of which the third tells that the second was somebody else's."""
    voices = [voice(0, 0, 3)], [voice(1, 4, 1.0)], [voice(1, 8, 1.5)]
    return [
        item(n, n, start=10 * n, end=10 * n + 9, voices=tuple(each))
        for n, each in enumerate(voices, 1)
    ]


def test_finals_tell_who_speaks_and_a_correction_comes_before_what_it_follows_from(results):
    said = results.read({LEG.key("text"): diarized()})
    one, two, revision, three = said
    assert [[each.speaker for each in final.speakers] for final in (one, two, three)] == [
        [0],
        [0],
        [1],
    ]
    stretch = Stretch(4 * SECOND, 5 * SECOND, 1)
    assert revision == SpeakerRevision(channel=0, number=1, changed={2: (stretch,)})


def test_who_speaks_is_the_same_however_finals_are_read(results):
    others = Results([LEG, OTHER], speech=True)
    apart = [event for each in diarized() for event in others.read({LEG.key("text"): [each]})]
    assert apart == results.read({LEG.key("text"): diarized()})


@pytest.mark.parametrize(("after", "kinds"), [(2, [SpeakerRevision, Final]), (3, [])])
def test_a_client_that_resumes_is_corrected_with_the_first_final_that_it_lacks(after, kinds):
    resumed = Results([LEG], speech=False, after=after)
    events = resumed.read({LEG.key("text"): diarized()})
    assert [type(each) for each in events] == kinds
    assert all(each.number == 1 for each in events if isinstance(each, SpeakerRevision))


def test_each_leg_has_speakers_of_its_own(results):
    entries = [item(1, 1, voices=(voice(0, 0, 3),)), item(1, 2, voices=(voice(1, 0, 3),))]
    events = results.read({LEG.key("text"): entries[:1], OTHER.key("text"): entries[1:]})
    assert [[each.speaker for each in event.speakers] for event in events] == [[0], [0]]


def test_words_that_come_later_tell_who_speaks(results):
    final = item(1, 1, align="d", voices=(voice(0, 0, 3),))
    results.read({LEG.key("text"): [final]})
    (words,) = results.read({LEG.key("text"): [later(1, 2, 1)]})
    assert [each.speaker for each in words.speakers] == [0]
