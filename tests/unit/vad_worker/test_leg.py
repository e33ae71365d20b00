"""One leg through voice activity detection."""

from collections.abc import Sequence

import pytest

from common.bus.keys import Leg
from common.bus.wire import NOTHING, Chunk, Control, Mark
from common.options import SessionOptions
from common.stage.api import Commit, Done, Effect, Emit, Entry, Offer, Recovery
from vad_worker.framing import FRAME
from vad_worker.leg import VadLeg

BODY = {
    "options": SessionOptions().to_wire(),
    "gateway": "gw",
    "source": "audio",
    "events": True,
    "align": False,
}
LOUD, QUIET = 0.9, 0.01


def leg(
    recovery: Recovery = Recovery(None, NOTHING),  # noqa: B008 - frozen
    *,
    align: bool = False,
) -> VadLeg:
    return VadLeg(Leg("s", 0), BODY | {"align": align}, recovery)


def frames(count: int, end: int) -> Chunk:
    return Chunk(end * FRAME, bytes(2 * FRAME * count))


def run(one: VadLeg, entries: Sequence[Entry], probability: float) -> list[Effect]:
    count = len(one.take(entries)) // (2 * FRAME)
    return one.conclude([probability] * count, [0.01] * count)


def test_an_utterance_is_announced_and_offered_once():
    effects = run(leg(), [frames(20, 20)], LOUD)
    (emit,) = [e for e in effects if isinstance(e, Emit)]
    assert [event["t"] for event in emit.events] == ["started"]
    assert (emit.wake, emit.notify) == (("asr",), "gw")
    (offer,) = [e for e in effects if isinstance(e, Offer)]
    assert (offer.stage, offer.key, offer.body["start"]) == ("asr", "s.0/1", 0)


def test_a_flush_with_nothing_open_is_answered_with_an_empty_final():
    effects = run(leg(), [frames(4, 4), Control(4 * FRAME, 2, {"t": "flush"})], QUIET)
    emit, final = effects
    assert isinstance(emit, Emit)
    assert emit.at == Mark(4 * FRAME, 2)
    assert isinstance(final, Commit)
    assert (final.number, final.body["text"], final.body["reason"]) == (1, "", "flush")


def test_the_end_comes_after_every_item():
    effects = run(leg(), [frames(20, 20), Control(20 * FRAME, 2, {"t": "end"})], LOUD)
    assert isinstance(effects[-1], Done)
    last = effects[-2]
    assert isinstance(last, Commit)
    assert (last.number, last.body["t"]) == (2, "end")


def test_a_control_past_the_audio_is_a_gap_and_no_mistake():
    effects = run(leg(), [frames(2, 2), Control(9 * FRAME, 2, {"t": "end"})], QUIET)
    gaps = [e.events for e in effects if isinstance(e, Emit) and e.events[0]["t"] == "gap"]
    assert gaps == [({"t": "gap", "start": 2 * FRAME, "end": 9 * FRAME},)]
    assert isinstance(effects[-1], Done)


def test_a_new_owner_reads_on_after_the_last_entry_taken_control_or_audio():
    one = leg()
    run(one, [frames(4, 4), Control(4 * FRAME, 2, {"t": "flush"})], QUIET)
    snapshot = one.snapshot(b"")
    taken_over = leg(Recovery(snapshot.state, Mark(4 * FRAME, 2)))
    assert taken_over.cursor == one.cursor == b"%d-2" % (4 * FRAME)


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
    one = leg(align=True)
    run(one, [frames(20, 20)], LOUD)
    run(one, [frames(80, 100)], QUIET)
    end = 100
    for look in range(10):
        one.committed(1)
        assert one.snapshot(b"").pins == {1: 0}
        end += heard
        run(one, [frames(heard, end)], QUIET)
        if look == 5:  # a new owner knows of it
            one = leg(Recovery(one.snapshot(b"").state, NOTHING), align=True)
    one.committed(1)
    assert one.snapshot(b"").pins == {}


def test_a_final_in_the_text_does_not_free_what_the_next_still_needs():
    one = leg(align=True)
    run(one, [frames(20, 20)], LOUD)
    run(one, [frames(80, 100)], QUIET)
    run(one, [frames(40, 140)], LOUD)
    one.committed(1)
    pins = one.snapshot(b"").pins
    assert pins[1] == 0
    assert 20 * FRAME < pins[2] <= 100 * FRAME


def test_the_offer_tells_whether_aligners_are_there():
    for align in (True, False):
        offers = [e for e in run(leg(align=align), [frames(20, 20)], LOUD) if isinstance(e, Offer)]
        assert [offer.body["align"] for offer in offers] == [align]


def test_options_change_from_their_position_on():
    one = leg()
    changed = SessionOptions(silence_threshold=0.3).to_wire()
    run(one, [Control(0, 2, {"t": "config", "options": changed}), frames(20, 20)], LOUD)
    effects = run(one, [frames(11, 31)], QUIET)
    ended = [event for e in effects if isinstance(e, Emit) for event in e.events]
    assert [event["t"] for event in ended] == ["paused", "ended"]


def test_what_is_not_in_the_text_yet_is_offered_again_by_a_new_owner():
    """Offers and checkpoints may lie on different servers, and one of them lose the newest."""
    one = leg()
    effects = run(one, [frames(20, 20)], LOUD)
    (first,) = [e for e in effects if isinstance(e, Offer)]
    changed = SessionOptions(silence_threshold=0.3).to_wire()
    effects = run(
        one, [frames(80, 100), Control(100 * FRAME, 2, {"t": "config", "options": changed})], QUIET
    )
    effects = run(one, [frames(40, 140)], LOUD)
    (second,) = [e for e in effects if isinstance(e, Offer)]
    new_owner = leg(Recovery(one.snapshot(b"").state, Mark(140 * FRAME, 1)))
    assert run(new_owner, [], QUIET) == [first, second], "as it was, not as options are now"
    assert run(new_owner, [], QUIET) == [], "once"
    new_owner.committed(1)
    assert run(leg(Recovery(new_owner.snapshot(b"").state, NOTHING)), [], QUIET) == [second]
