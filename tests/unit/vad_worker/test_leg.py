"""One leg through voice activity detection."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import cast

import pytest

from common.bus.keys import Leg
from common.bus.wire import Chunk, Control, StreamId, denoised
from common.options import SessionOptions
from common.pipeline import text
from common.pipeline.control import Configure, Digit, End, Flush, Hint
from common.pipeline.speech import Dtmf, Ended, Event, Gap, Likely, Paused, SpeechEntry
from common.pipeline.trace import Endpoint
from common.pipeline.work import LegWork, UtteranceWork
from common.stage.api import Commit, Done, Effect, Emit, Entry, Offer, Snapshot
from vad_worker.checkpoint import CHECKPOINT
from vad_worker.framing import FRAME
from vad_worker.leg import VadLeg

WORDS = SessionOptions(words=True)
ALIGN = frozenset({"align"})
WORK = LegWork(options=SessionOptions(), gateway="gw", source="audio", events=True)
LOUD, QUIET = 0.9, 0.01


def leg(
    snapshot: Snapshot | None = None,
    *,
    beside: Collection[str] = (),
    options: SessionOptions = WORK.options,
) -> VadLeg:
    saved = None if snapshot is None else CHECKPOINT.unpack(snapshot.state)
    return VadLeg(Leg("s", 0), replace(WORK, beside=frozenset(beside), options=options), saved)


def spoken(emit: Emit) -> tuple[Event, ...]:
    assert isinstance(emit.events, SpeechEntry)
    return emit.events.events


def frames(count: int, end: int) -> Chunk:
    return Chunk(end * FRAME, bytes(2 * FRAME * count))


def run(one: VadLeg, entries: Sequence[Entry], probability: float) -> list[Effect]:
    count = len(one.ingest(entries)) // (2 * FRAME)
    return one.conclude([probability] * count, [0.01] * count)


def test_an_utterance_is_announced_and_offered_once():
    effects = run(leg(), [frames(20, 20)], LOUD)
    (emit,) = [e for e in effects if isinstance(e, Emit)]
    assert [event.t for event in spoken(emit)] == ["started"]
    assert (emit.wake, emit.notify) == (("asr",), "gw")
    (offer,) = [e for e in effects if isinstance(e, Offer)]
    assert (offer.stage, offer.key, cast(UtteranceWork, offer.work).start) == ("asr", "s.0/1", 0)


def test_a_flush_with_nothing_open_is_answered_with_an_empty_final():
    effects = run(leg(), [frames(4, 4), Control(4 * FRAME, 2, Flush())], QUIET)
    emit, final = effects
    assert isinstance(emit, Emit)
    assert emit.events.at == StreamId(4 * FRAME, 2)
    assert isinstance(final, Commit)
    assert (final.number, final.item) == (1, text.Final.empty(4 * FRAME, "flush"))


def test_the_end_comes_after_every_item():
    effects = run(leg(), [frames(20, 20), Control(20 * FRAME, 2, End())], LOUD)
    assert isinstance(effects[-1], Done)
    last = effects[-2]
    assert isinstance(last, Commit)
    assert (last.number, last.item) == (2, text.End())


def test_a_control_past_the_audio_is_a_gap_and_no_mistake():
    one = leg()
    effects = run(one, [frames(2, 2), Control(9 * FRAME, 2, End())], QUIET)
    assert one.missing == 7 * FRAME
    events = [spoken(e) for e in effects if isinstance(e, Emit)]
    assert [each for each in events if isinstance(each[0], Gap)] == [(Gap(2 * FRAME, 9 * FRAME),)]
    assert isinstance(effects[-1], Done)


def test_what_is_missing_is_that_of_the_last_step():
    one = leg()
    run(one, [frames(2, 2), frames(2, 9)], QUIET)
    assert one.missing == 5 * FRAME
    run(one, [frames(2, 11)], QUIET)
    assert one.missing == 0


def test_a_new_owner_reads_on_after_the_last_entry_taken_control_or_audio():
    one = leg()
    run(one, [frames(4, 4), Control(4 * FRAME, 2, Flush())], QUIET)
    snapshot = one.snapshot(b"")
    taken_over = leg(snapshot)
    assert taken_over.cursor == one.cursor == b"%d-2" % (4 * FRAME)
    assert snapshot.progress.heard == StreamId(4 * FRAME, 2)


def test_audio_is_kept_until_the_final_is_in_the_text():
    one = leg()
    run(one, [frames(20, 20)], LOUD)
    run(one, [frames(80, 100)], QUIET)
    assert one.snapshot(b"").pins == {1: 0}
    one.committed(1)
    assert one.snapshot(b"").pins == {}


@pytest.mark.parametrize("heard", [1, 500])
def test_audio_is_kept_ten_looks_beyond_the_final_where_aligners_read_it(heard: int):
    """However much of it comes between two looks: an upload's audio is not gone at once."""
    one = leg(beside=ALIGN, options=WORDS)
    run(one, [frames(20, 20)], LOUD)
    run(one, [frames(80, 100)], QUIET)
    end = 100
    for look in range(10):
        one.committed(1)
        assert one.snapshot(b"").pins == {1: 0}
        end += heard
        run(one, [frames(heard, end)], QUIET)
        if look == 5:  # a new owner knows of it
            one = leg(one.snapshot(b""), beside=ALIGN)
    one.committed(1)
    assert one.snapshot(b"").pins == {}


def test_audio_is_kept_for_aligners_where_the_utterance_began_with_words():
    one = leg(beside=ALIGN)
    run(one, [frames(20, 20), Control(20 * FRAME, 2, Configure(WORDS))], LOUD)
    run(one, [frames(80, 100)], QUIET)
    run(one, [frames(20, 120), Control(120 * FRAME, 2, Configure(WORK.options))], LOUD)
    run(one, [frames(80, 200)], QUIET)
    run(one, [frames(20, 220)], LOUD)
    run(one, [frames(80, 300)], QUIET)
    assert list(one.snapshot(b"").pins) == [1, 2, 3]
    one.committed(3)
    assert list(one.snapshot(b"").pins) == [2]


def test_a_final_in_the_text_does_not_free_what_the_next_still_needs():
    one = leg(beside=ALIGN, options=WORDS)
    run(one, [frames(20, 20)], LOUD)
    run(one, [frames(80, 100)], QUIET)
    run(one, [frames(40, 140)], LOUD)
    one.committed(1)
    pins = one.snapshot(b"").pins
    assert pins[1] == 0
    assert 20 * FRAME < pins[2] <= 100 * FRAME


def test_the_offer_tells_whether_aligners_are_there():
    for beside in (ALIGN, frozenset[str]()):
        effects = run(leg(beside=beside), [frames(20, 20)], LOUD)
        offers = [effect for effect in effects if isinstance(effect, Offer)]
        assert [cast(UtteranceWork, offer.work).beside for offer in offers] == [beside]


def test_options_change_from_their_position_on():
    one = leg()
    changed = SessionOptions(silence_threshold=0.3)
    run(one, [Control(0, 2, Configure(changed)), frames(20, 20)], LOUD)
    effects = run(one, [frames(11, 31)], QUIET)
    ended = [event for e in effects if isinstance(e, Emit) for event in spoken(e)]
    assert [event.t for event in ended] == ["paused", "ended"]


def test_what_the_recogniser_does_changes_with_the_next_utterance():
    """Where it starts is decided before the control or after it: nothing else counts."""
    one = leg()
    changed = SessionOptions(words=True, interim_results=False)
    effects = run(one, [frames(20, 20), Control(20 * FRAME, 2, Configure(changed))], LOUD)
    effects += run(one, [frames(80, 100)], QUIET)
    effects += run(one, [frames(20, 120)], LOUD)
    offered = [cast(UtteranceWork, e.work) for e in effects if isinstance(e, Offer)]
    assert [work.options for work in offered] == [WORK.options, changed]


def test_what_is_not_in_the_text_yet_is_offered_again_by_a_new_owner():
    """Offers and checkpoints may lie on different servers, and one of them lose the newest."""
    one = leg()
    effects = run(one, [frames(20, 20)], LOUD)
    (first,) = [e for e in effects if isinstance(e, Offer)]
    changed = SessionOptions(silence_threshold=0.3)
    effects = run(one, [frames(80, 100), Control(100 * FRAME, 2, Configure(changed))], QUIET)
    effects = run(one, [frames(40, 140)], LOUD)
    (second,) = [e for e in effects if isinstance(e, Offer)]
    new_owner = leg(one.snapshot(b""))
    assert run(new_owner, [], QUIET) == [first, second], "as it was, not as options are now"
    assert run(new_owner, [], QUIET) == [], "once"
    new_owner.committed(1)
    assert run(leg(new_owner.snapshot(b"")), [], QUIET) == [second]


def test_a_digit_is_reported_by_its_own_leg_alone():
    for channel, expected in ((0, [(Dtmf(4 * FRAME, "5"),)]), (1, [])):
        control = Control(4 * FRAME, 2, Digit(channel, "5"))
        effects = run(leg(), [frames(4, 4), control], QUIET)
        assert [spoken(e) for e in effects if isinstance(e, Emit)] == expected


def stamps(effects: Sequence[Effect]) -> list[Endpoint | None]:
    return [
        emit.events.endpoint
        for emit in effects
        if isinstance(emit, Emit) and isinstance(emit.events, SpeechEntry)
    ]


def conclude(one: VadLeg, entries: Sequence[Entry], probability: float) -> list[Effect]:
    count = len(one.ingest(entries)) // (2 * FRAME)
    return one.conclude([probability] * count, [0.01] * count, heard=7.0, now=7.5)


def test_an_end_says_when_its_audio_was_heard_and_denoised_and_by_whom():
    one = VadLeg(Leg("s", 0), WORK, None, "me")
    assert stamps(conclude(one, [frames(20, 20)], LOUD)) == [None], "it begins"
    quiet = [
        frames(10, 30)._replace(denoised=denoised(5.0, "early")),
        frames(20, 50)._replace(denoised=denoised(6.0, "them")),
    ]
    _, end = stamps(conclude(one, quiet, QUIET))
    assert end == Endpoint(heard=7.0, decided=7.5, worker="me", denoised=6.0, denoiser="them")


def test_the_answer_to_a_flush_says_so_too():
    one = VadLeg(Leg("s", 0), WORK, None, "me")
    effects = conclude(one, [frames(4, 4), Control(4 * FRAME, 2, Flush())], QUIET)
    endpoint = Endpoint(heard=7.0, decided=7.5, worker="me")
    assert stamps(effects) == [endpoint]
    (final,) = [each.item for each in effects if isinstance(each, Commit)]
    assert isinstance(final, text.Final)
    assert (final.endpoint, final.decoding) == (endpoint, None)


def test_a_hint_ends_a_pause_at_its_place_in_the_audio():
    one = leg()
    run(one, [frames(20, 20)], LOUD)
    effects = run(one, [frames(8, 28)], QUIET)
    ((paused,),) = [spoken(each) for each in effects if isinstance(each, Emit)]
    assert isinstance(paused, Paused)
    about = Hint(0, paused.utterance, paused.end, 7 * FRAME)
    (emit,) = run(one, [Control(28 * FRAME, 2, about)], QUIET)
    assert isinstance(emit, Emit)
    assert emit.events.at == StreamId(28 * FRAME, 2)
    assert spoken(emit) == (Ended(1, 0, paused.end, 28 * FRAME, "silence"),)


@pytest.mark.parametrize("hinted", [0.4, 0.8, 1.6])
def test_a_new_owner_decides_by_the_same_hint(hinted: float):
    silence = round(hinted * 16_000)
    told: list[list[Event]] = []
    for moves in (False, True):
        one = leg()
        run(one, [frames(20, 20)], LOUD)
        about = Hint(0, 1, 20 * FRAME + 1_600, silence)
        run(one, [frames(8, 28)], QUIET)
        effects = run(one, [Control(28 * FRAME, 2, about)], QUIET)
        one = leg(one.snapshot(b"")) if moves else one
        effects += run(one, [frames(60, 88)], QUIET)
        told.append([e for each in effects if isinstance(each, Emit) for e in spoken(each)])
    (ended,) = told[0]
    assert isinstance(ended, Ended)
    assert ended.at - 20 * FRAME == -(-silence // FRAME) * FRAME
    assert told[0] == told[1]


def test_a_hint_about_another_channel_does_nothing():
    one = leg()
    run(one, [frames(20, 20)], LOUD)
    run(one, [frames(8, 28)], QUIET)
    about = Hint(1, 1, 20 * FRAME + 1_600, 7 * FRAME)
    assert run(one, [Control(28 * FRAME, 2, about)], QUIET) == []


def test_what_is_likely_the_end_is_told_by_itself_and_wakes_no_recogniser():
    told: list[tuple[SpeechEntry, tuple[str, ...], str | None]] = []
    for moves in (False, True):
        one = leg()
        run(one, [frames(20, 20)], LOUD)
        about = Hint(0, 1, 20 * FRAME + 1_600, 30_000, 5_000, "Yes.", "closed")
        run(one, [frames(8, 28)], QUIET)
        assert run(one, [Control(28 * FRAME, 2, about)], QUIET) == []
        one = leg(one.snapshot(b"")) if moves else one
        (emit,) = [each for each in run(one, [frames(20, 48)], QUIET) if isinstance(each, Emit)]
        assert isinstance(emit.events, SpeechEntry)
        told.append((emit.events, emit.wake, emit.notify))
    likely = Likely(1, 0, 20 * FRAME + 1_600, 30 * FRAME, 10 * FRAME, 30_000, "Yes.", "closed")
    voiced = 20 * FRAME
    entry = SpeechEntry(StreamId(30 * FRAME, 0), (), likely=likely, voiced=voiced)
    assert told == [(entry, (), "gw")] * 2


def quiet(one: VadLeg, entries: Sequence[Entry]) -> list[Effect]:
    count = len(one.ingest(entries)) // (2 * FRAME)
    one.level.gains([1e-9 if n % 16 < 8 else 2e-8 for n in range(count)])
    return one.conclude([LOUD] * count, [0.01] * count)


def test_speech_that_is_too_quiet_for_any_gain_is_told_once_whoever_owns_the_leg():
    first = leg()
    before = quiet(first, [frames(32, 32)])
    second = leg(first.snapshot(b""))
    after = quiet(second, [frames(64, 96)])
    troubles = [
        each.events.trouble
        for each in (*before, *after)
        if isinstance(each, Emit) and isinstance(each.events, SpeechEntry)
    ]
    (told,) = filter(None, troubles)
    assert told.problem == "low_level"
    assert told.at % FRAME == 0
    assert told.level < -70
