"""Room, by measurement: Whisper on one place with half of its time for ends, by default."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.pipeline.stages import ASR as RECOGNISER
from common.pipeline.stages import DENOISE, VAD
from gateway.admission.capacity import (
    BUSY,
    SHORT_OF_PLACES,
    Capacity,
    Gate,
    Look,
    StageLook,
    WorkPerAudio,
)
from gateway.admission.evidence import WINDOW, Decodes

ASR = {"slots": 16, "used": 2, "places": [1], "decode": 0.0625}
ROOM = 0.5 / (0.125 * 0.25)
"""Legs, by the estimate from one decode's time."""
FULL = int(ROOM)


def look(
    legs: int = 0,
    *,
    work: float = 0.0,
    memory: float | None = None,
    busy: float = 0.0,
    slots: int = 200,
    share: float = 1.0,
    ends: int = 0,
    late: int = 0,
    overdue: int = 0,
    proved: int = 0,
    **asr: object,
) -> Look:
    """Half a second with `legs` that brought their audio, and recognisers busy for `share`."""
    stages = {
        "vad": StageLook(slots, legs),
        "asr": StageLook(**{**ASR, "legs": proved, **asr}),  # type: ignore[arg-type]
        "denoise": StageLook(4, 0),
    }
    decodes = Decodes(share / 2, 0.5, ends, late, overdue)
    return Look(stages, work=work, audio=legs / 2, decodes=decodes, memory=memory, busy=busy)


def watch(capacity: Capacity, *looks: Look, start: float = 0.0) -> float:
    """Let it look twice a second; return the time of the last look."""
    for number, each in enumerate(looks):
        capacity.observe(each, start + number / 2)
    return start + (len(looks) - 1) / 2


def reason(capacity: Capacity, now: float, legs: int = 1, **asked: object) -> str | None:
    refusal = capacity.refusal(legs, now, **asked)  # type: ignore[arg-type]
    return refusal.reason if refusal else None


@pytest.fixture
def capacity() -> Capacity:
    return Capacity(0.5)


def test_before_any_look_a_call_is_let_in(capacity):
    assert capacity.refusal(2, 0.0, stages=(DENOISE, VAD, RECOGNISER)) is None
    assert capacity.room is None


def test_without_measurements_the_time_of_one_decode_says_how_much_fits(capacity):
    now = watch(capacity, look())
    assert capacity.room == pytest.approx(ROOM)
    taken = 0
    while reason(capacity, now) is None:
        capacity.reserve(taken, 1, now)
        taken += 1
    assert taken == int(ROOM)
    assert reason(capacity, now) == "asr_load"


def test_an_idle_system_takes_a_call_however_slow_it_is(capacity):
    now = watch(capacity, look(decode=60.0))
    assert reason(capacity, now, legs=2) is None
    capacity.reserve("a", 2, now)
    assert reason(capacity, now) == "asr_load"


def test_cheap_calls_make_room_for_more_and_dear_ones_for_fewer():
    cheap, dear = Capacity(0.5), Capacity(0.5)
    watch(cheap, *[look(8, work=4 * 0.02)] * 600)
    watch(dear, *[look(8, work=4 * 0.10)] * 600)
    assert cheap.room == pytest.approx(0.5 / 0.02, rel=0.15)
    assert dear.room == pytest.approx(0.5 / 0.10, rel=0.15)


def test_calls_that_have_said_nothing_yet_prove_nothing(capacity):
    """Twenty legs that have just come have brought audio and no work."""
    watch(capacity, *[look(20)] * 8)
    assert capacity.room == pytest.approx(ROOM)


def test_evidence_fades_back_to_the_estimate(capacity):
    now = watch(capacity, *[look(8, work=4 * 0.02)] * 600)
    watch(capacity, *[look(0)] * 2400, start=now + 0.5)
    assert capacity.room == pytest.approx(ROOM, rel=0.01)


def test_proved_legs_bound_the_calls_in_place_of_what_was_learned(capacity):
    now = watch(capacity, *[look(8, work=4 * 0.10, proved=12)] * 600)
    assert capacity.room is not None
    assert capacity.room < 8, "what was learned would refuse"
    taken = 8
    while reason(capacity, now) is None:
        capacity.reserve(taken, 1, now)
        taken += 1
    assert taken == 12
    assert reason(capacity, now) == "asr_legs"
    assert "asr_legs" in SHORT_OF_PLACES


def test_proved_legs_hold_however_little_the_recognisers_do():
    for asr_load in (0.0, 0.5):
        capacity = Capacity(asr_load)
        now = watch(capacity, *[look(3, share=0.0, proved=4)] * 60)
        assert reason(capacity, now) is None
        assert reason(capacity, now, legs=2) == "asr_legs"
        watch(capacity, look(0, proved=1), start=now + 5)
        assert reason(capacity, now + 5, legs=2) is None, "an idle system takes a call"


def test_late_finals_refuse_calls_below_the_proved_legs(capacity):
    now = watch(capacity, *[look(4, ends=2, late=1, proved=12)] * 20)
    assert reason(capacity, now) == "asr_wait"


def test_each_recogniser_adds_its_places(capacity):
    watch(capacity, look(places=[1, 1]))
    assert capacity.room == pytest.approx(2 * ROOM)


def test_many_places_of_one_recogniser_help_each_other_out():
    capacity = Capacity(0.4)
    watch(capacity, look(places=[64]))
    assert capacity.room == pytest.approx((64 - 0.6 * 8) / (0.125 * 0.25))


def test_a_call_counts_from_the_moment_it_is_let_in_until_the_signs_of_life_show_it(capacity):
    now = watch(capacity, look(FULL - 1))
    assert reason(capacity, now) is None
    capacity.reserve("a", 1, now)
    assert reason(capacity, now) == "asr_load"
    assert reason(capacity, now, name="a") is None, "it is not in its own way"
    assert reason(capacity, now + 2.0) is None


def test_a_call_turns_out_to_have_two_legs(capacity):
    now = watch(capacity, look(FULL - 1))
    capacity.reserve("a", 1, now)
    assert reason(capacity, now, legs=2, name="a") == "asr_load"


def test_a_call_that_went_away_makes_room_at_once(capacity):
    now = watch(capacity, look(FULL - 1))
    capacity.reserve("a", 1, now)
    capacity.withdraw("a")
    capacity.withdraw("a")
    assert reason(capacity, now) is None


def test_who_took_the_last_place_at_the_door_keeps_it(capacity):
    now = watch(capacity, look(FULL - 1))
    capacity.reserve("a", 1, now)
    now = watch(capacity, look(FULL - 1), start=now + 0.5)
    assert reason(capacity, now) == "asr_load"
    assert reason(capacity, now, name="a") is None


def test_once_full_a_little_more_than_one_place_must_be_free(capacity):
    now = watch(capacity, look(FULL))
    assert reason(capacity, now) == "asr_load"
    now = watch(capacity, look(FULL - 1), start=now + 0.5)
    assert reason(capacity, now) == "asr_load"
    now = watch(capacity, look(FULL - 2), start=now + 0.5)
    assert reason(capacity, now) is None
    now = watch(capacity, look(FULL - 1), start=now + 0.5)
    assert reason(capacity, now) is None


@given(st.lists(st.integers(0, 30), max_size=30), st.integers(1, 2))
def test_never_more_than_fit_are_let_in_between_two_looks(running, legs):
    capacity, now = Capacity(0.5), 0.0
    for number, each in enumerate(running):
        now = watch(capacity, look(each, work=0.05 * each / 2), start=now + 2.5)
        let_in = 0
        while let_in < 100 and capacity.refusal(legs, now) is None:
            capacity.reserve((number, let_in), legs, now)
            let_in += 1
        room = capacity.room
        assert room is not None
        if let_in:
            assert each + let_in * legs <= room or each + let_in * legs == legs


def test_slots_of_the_stages_that_hold_legs_count_exactly(capacity):
    now = watch(capacity, look(3, slots=5))
    assert reason(capacity, now, legs=2) is None
    capacity.reserve("a", 1, now)
    assert reason(capacity, now, legs=2) == "vad_slots"
    assert reason(capacity, now, legs=2, name="a") is None
    assert reason(capacity, now) is None


def test_denoise_slots_count_for_who_wants_denoising(capacity):
    now = watch(capacity, look(2))
    capacity.reserve("plain", 1, now)
    capacity.reserve("a", 2, now, stages=(DENOISE, VAD, RECOGNISER))
    capacity.reserve("b", 2, now, stages=(DENOISE, VAD, RECOGNISER))
    assert reason(capacity, now, stages=(DENOISE, VAD, RECOGNISER)) == "denoise_slots"
    assert reason(capacity, now) is None


def test_a_stage_without_workers_is_no_matter_of_room(capacity):
    stages = {name: StageLook(0, 0, backlog=9.0) for name in ("vad", "asr")}
    now = watch(capacity, Look(stages))
    assert reason(capacity, now) is None


def test_finals_that_come_late_keep_the_door_shut_until_few_are_late(capacity):
    now = watch(capacity, look(2, ends=40, late=4))
    assert reason(capacity, now) is None
    now = watch(capacity, look(2, ends=1, late=1), start=now + 0.5)
    assert reason(capacity, now) == "asr_wait"
    now = watch(capacity, look(2, ends=40), start=now + 0.5)
    assert reason(capacity, now) == "asr_wait"
    now = watch(capacity, look(2, ends=40), start=now + 0.5)
    assert reason(capacity, now) is None


def test_a_final_that_never_comes_is_late(capacity):
    now = watch(capacity, look(2, overdue=6))
    assert reason(capacity, now) == "asr_wait"


def test_one_late_final_is_no_reason(capacity):
    now = watch(capacity, look(2, ends=1, late=1), *[look(2)] * 10)
    assert reason(capacity, now) is None


looks = st.builds(
    look,
    st.integers(0, 60),
    work=st.floats(0, 50),
    share=st.floats(0, 1),
    ends=st.integers(0, 30),
    late=st.integers(0, 30),
    overdue=st.integers(0, 30),
    decode=st.floats(0, 20),
)


@given(st.lists(looks, max_size=60), looks)
def test_whatever_was_before_recognisers_that_have_time_refuse_nobody(history, after):
    """There are legs, but no work was done for them for so long."""
    capacity = Capacity(0.5)
    now = watch(capacity, *history, look())
    asr = after.stages["asr"]
    idle = look(after.stages["vad"].used, share=0.0, decode=asr.decode)
    now = watch(capacity, *[idle] * (int(WINDOW) * 2 + 1), start=now + 0.5)
    assert reason(capacity, now) is None


@given(st.floats(0, BUSY - 0.01), st.integers(1, 60), st.floats(0.05, 20.0))
def test_below_the_mark_nobody_is_refused_for_what_calls_cost_or_waited(share, legs, decode):
    capacity = Capacity(0.5)
    each = look(legs, share=share, work=9.0, ends=9, late=9, overdue=9, decode=decode)
    now = watch(capacity, *[each] * 60)
    assert reason(capacity, now) is None


def test_how_busy_the_recognisers_are_can_be_watched(capacity):
    assert capacity.busy == 0.0
    watch(capacity, look(share=0.2), look(share=0.4))
    assert capacity.busy == pytest.approx(0.3)


def test_a_crowd_that_comes_all_of_a_sudden_is_not_waited_for(capacity):
    now = watch(capacity, *[look(share=0.0)] * 40)
    taken = 0
    while reason(capacity, now) is None:
        capacity.reserve(taken, 1, now)
        taken += 1
    assert taken == FULL
    now = watch(capacity, look(FULL, share=0.5), start=now + 3.0)
    assert reason(capacity, now) == "asr_load"


def test_a_flood_is_forgotten_within_minutes():
    capacity = Capacity(0.5)
    now = watch(capacity, *[look(40, work=40.0)] * 600)
    assert capacity.room is not None
    assert capacity.room < 1.0
    watch(capacity, *[look(0, share=0.0)] * 1000, start=now + 0.5)
    assert capacity.room == pytest.approx(ROOM, rel=0.5)


@pytest.mark.parametrize("measured", [{"overdue": 9}, {"backlog": 9.0}, {"lag": 9.0}])
def test_an_idle_system_takes_a_call_whatever_was_measured(capacity, measured):
    now = watch(capacity, *[look(2, **measured)] * 4)
    assert reason(capacity, now) is not None
    now = watch(capacity, look(0, **measured), start=now + 0.5)
    assert reason(capacity, now, legs=2) is None


def test_even_an_idle_system_needs_places_and_memory(capacity):
    now = watch(capacity, look(0, slots=1))
    assert reason(capacity, now, legs=2) == "vad_slots"
    now = watch(capacity, look(0, memory=0.86), start=now + 0.5)
    assert reason(capacity, now) == "redis_memory"


def test_who_wants_it_goes_by_places_alone():
    capacity = Capacity(0.0)
    now = watch(capacity, look(100, slots=101, overdue=9, backlog=9.0))
    assert capacity.room is None
    assert reason(capacity, now) is None
    assert reason(capacity, now, legs=2) == "vad_slots"


def test_work_that_nobody_takes_keeps_the_door_shut(capacity):
    now = watch(capacity, look(2, backlog=2.1))
    assert reason(capacity, now) == "asr_backlog"


def test_a_stage_must_be_behind_for_a_second_to_count_as_that(capacity):
    late = Look({"vad": StageLook(10, 2, lag=0.6), "asr": StageLook(16, 0)})
    now = watch(capacity, late, late)
    assert reason(capacity, now) is None
    now = watch(capacity, late, start=now + 0.5)
    assert reason(capacity, now) == "lag"


def test_a_redis_that_fills_up_first_keeps_the_door_shut_then_the_sockets(capacity):
    now = watch(capacity, look(2, memory=0.84))
    assert reason(capacity, now) is None
    now = watch(capacity, look(2, memory=0.86), start=now + 0.5)
    assert reason(capacity, now) == "redis_memory"
    assert not capacity.flooded
    now = watch(capacity, look(2, memory=0.93), start=now + 0.5)
    assert capacity.flooded
    now = watch(capacity, look(2, memory=0.89), start=now + 0.5)
    assert capacity.flooded
    now = watch(capacity, look(2, memory=0.87), start=now + 0.5)
    assert not capacity.flooded
    assert reason(capacity, now) == "redis_memory"
    now = watch(capacity, look(2, memory=0.79), start=now + 0.5)
    assert reason(capacity, now) is None


def test_a_redis_without_a_limit_is_never_full(capacity):
    now = watch(capacity, look(2, memory=None))
    assert not capacity.flooded
    assert reason(capacity, now) is None


def test_every_refusal_says_when_to_come_again(capacity):
    now = watch(capacity, look(100))
    refusal = capacity.refusal(1, now)
    assert refusal.retry_after > 0
    assert "100 legs" in refusal.text


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0.01, 2))))
def test_a_gate_changes_only_at_its_two_marks(course):
    gate, now = Gate(1.0, 0.5), 0.0
    for value, after in course:
        before = gate.closed
        now += after
        gate.update(value, now)
        if value > 1.0:
            assert gate.closed
        elif value < 0.5:
            assert not gate.closed
        else:
            assert gate.closed is before


def test_what_work_costs_is_learned_from_audio_that_is_old_enough():
    cost = WorkPerAudio()
    assert cost.estimate(0.0) == 0.0
    assert cost.estimate(0.25) == pytest.approx(0.125)
    for second in range(1000):
        cost.learn(0.06 if second >= 8 else 0.0, 1.0, float(second))
    assert cost.estimate(0.0) == pytest.approx(0.06)
    assert 0.06 < cost.estimate(0.25) < 0.1


def test_a_gateway_without_time_for_more_takes_nobody(capacity):
    now = watch(capacity, *[look(1, busy=1.0)] * 6)
    assert reason(capacity, now) is None, "not for a moment"
    now = watch(capacity, look(1, busy=1.0), look(1, busy=0.9), start=now + 0.5)
    assert reason(capacity, now) == "gateway_busy"
    now = watch(capacity, look(1, busy=0.8), start=now + 0.5)
    assert reason(capacity, now) is None


@pytest.mark.parametrize(("asr_load", "legs"), [(0.5, 0), (0.0, 1)])
def test_a_busy_gateway_lets_in_where_nobody_is_or_nothing_is_measured(asr_load, legs):
    capacity = Capacity(asr_load)
    now = watch(capacity, *[look(legs, busy=1.0)] * 9)
    assert reason(capacity, now) is None


def with_quiet(legs: int, quiet: int, *, share: float) -> Look:
    """Two legs speak, at the usual cost."""
    plain = look(2, work=0.125 * 0.25, share=share)
    return replace(plain, stages={**plain.stages, "vad": StageLook(400, legs, quiet=quiet)})


def test_legs_that_say_nothing_shut_nobody_out():
    """300 that one client opens beside two callers: no recogniser has work of them."""
    capacity = Capacity(0.5)
    now = watch(capacity, *[with_quiet(2, 0, share=0.2)] * 40)
    now = watch(capacity, *[with_quiet(302, 0, share=0.2)] * 10, start=now + 0.5)
    assert reason(capacity, now) == "asr_load", "they may be about to speak"
    now = watch(capacity, *[with_quiet(302, 300, share=0.2)] * 4, start=now + 0.5)
    assert reason(capacity, now) is None


def test_a_client_that_says_nothing_itself_gets_no_more_than_fits():
    """Nothing is decoded, but its legs may all begin to speak."""
    capacity = Capacity(0.5)
    now = watch(capacity, *[with_quiet(22, 20, share=0.2)] * 60)
    assert reason(capacity, now) is None
    assert reason(capacity, now, silent=2) is None
    assert reason(capacity, now, silent=20) == "asr_load"


def test_a_client_is_not_alone_with_its_own_silent_calls():
    """An idle system takes any call, but not one after the other from who says nothing."""
    capacity = Capacity(0.5)
    now = watch(capacity, *[with_quiet(20, 20, share=0.9)] * 60)
    assert reason(capacity, now) is None
    assert reason(capacity, now, silent=20) == "asr_load"


def test_quiet_legs_that_begin_to_speak_together_count_as_new_ones():
    capacity = Capacity(0.5)
    now = watch(capacity, *[with_quiet(302, 300, share=0.2)] * 60)
    assert reason(capacity, now) is None
    now = watch(capacity, with_quiet(302, 0, share=0.2), start=now + 0.5)
    assert reason(capacity, now) == "asr_load"


def test_recordings_are_no_load_to_who_speaks():
    capacity = Capacity(0.4)
    for second in range(40):
        capacity.observe(
            Look({"vad": StageLook(100, 60, recordings=60), "asr": StageLook(64, 9, places=[2])}),
            float(second),
        )
    assert capacity.refusal(1, 40.0) is None
