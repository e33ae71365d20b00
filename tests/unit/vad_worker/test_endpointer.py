"""What the endpointer promises, by example."""

from collections.abc import Iterable

import pytest

from common.audio import samples
from common.errors import Misuse
from common.pipeline.control import Hint
from common.pipeline.record import pack
from common.pipeline.speech import (
    SPEECH_ENTRY,
    Ended,
    Flushed,
    Likely,
    Paused,
    Resumed,
    SpeechEntry,
    Started,
    UtteranceEvent,
)
from common.pipeline.stream_ids import StreamId
from vad_worker.endpointer import (
    TRANSITIONS,
    Decision,
    Endpointer,
    EndpointerParams,
    State,
    Trigger,
)
from vad_worker.framing import FRAME

PARAMS = EndpointerParams()
TALK, HUSH = 0.9, 0.1
LOUD, QUIET = 1e-2, 1e-6


def feed(endpointer: Endpointer, probability: float, seconds: float) -> list[Decision]:
    """Push frames of one probability for at least `seconds`."""
    energy = LOUD if probability >= 0.5 else QUIET
    count = -(-samples(seconds) // FRAME)
    return [event for _ in range(count) for event in endpointer.push(probability, energy)]


def state(endpointer: Endpointer) -> State:
    return endpointer.snapshot().memory.state


def heard(endpointer: Endpointer) -> int:
    return endpointer.snapshot().memory.heard


def in_state(wanted: State, params: EndpointerParams = PARAMS) -> Endpointer:
    """Return an endpointer in that state after 1 s of silence."""
    endpointer = Endpointer(params)
    feed(endpointer, HUSH, 1.0)
    if wanted is not State.IDLE:
        feed(endpointer, TALK, 0.1 if wanted is State.CANDIDATE else 1.0)
    if wanted is State.PAUSED:
        feed(endpointer, HUSH, 0.3)
    assert state(endpointer) is wanted
    return endpointer


def kinds(events: Iterable[Decision]) -> list[type]:
    return [type(event) for event in events]


def test_short_pauses_do_not_end_an_utterance_and_a_long_one_does() -> None:
    endpointer = Endpointer(PARAMS)
    events = feed(endpointer, HUSH, 0.5)
    for _ in range(3):
        events += feed(endpointer, TALK, 0.6)
        events += feed(endpointer, HUSH, 0.3)
    events += feed(endpointer, TALK, 0.6)
    speech_end = heard(endpointer)
    events += feed(endpointer, HUSH, 0.9)
    assert kinds(events) == [
        Started,
        *[Paused, Resumed] * 3,
        *[Paused, Ended],
    ]
    paused, ended = events[-2:]
    assert isinstance(paused, Paused)
    assert isinstance(ended, Ended)
    assert ended.reason == "silence"
    assert ended.end == paused.end == speech_end + PARAMS.post_roll
    assert paused.at - speech_end == 7 * FRAME
    assert ended.at - speech_end == 25 * FRAME


def test_silence_counts_consecutively() -> None:
    endpointer = in_state(State.SPEECH)
    for _ in range(5):
        assert Ended not in kinds(feed(endpointer, HUSH, 0.75))
        feed(endpointer, TALK, 0.01)
    assert state(endpointer) is State.SPEECH


@pytest.mark.parametrize("silence_before", [0.0, 0.1, 0.5, 2.0])
def test_an_onset_is_never_clipped(silence_before: float) -> None:
    endpointer = Endpointer(PARAMS)
    feed(endpointer, HUSH, silence_before)
    onset = heard(endpointer)
    (started,) = feed(endpointer, TALK, 0.3)
    assert isinstance(started, Started)
    assert started.start == max(0, onset - PARAMS.pre_roll)
    assert started.at == onset + 7 * FRAME
    assert started.probability == TALK


def test_the_pre_roll_stops_at_the_end_of_the_previous_utterance() -> None:
    params = EndpointerParams(silence=2048, pre_roll=samples(2.0))
    endpointer = in_state(State.SPEECH, params)
    (_, ended) = feed(endpointer, HUSH, 0.2)
    (started,) = feed(endpointer, TALK, 0.3)
    assert isinstance(ended, Ended)
    assert isinstance(started, Started)
    assert started.start == ended.end
    assert started.utterance == ended.utterance + 1


def test_hysteresis_is_silero_s() -> None:
    endpointer = in_state(State.IDLE)
    assert feed(endpointer, 0.4, 1.0) == []
    assert state(endpointer) is State.IDLE
    feed(endpointer, TALK, 0.3)
    assert feed(endpointer, 0.35, 2.0) == []
    assert state(endpointer) is State.SPEECH
    assert kinds(feed(endpointer, 0.34, 0.3)) == [Paused]
    assert kinds(feed(endpointer, 0.4, 0.6)) == [Ended]


@pytest.mark.parametrize(("threshold", "silent", "voiced"), [(0.1, 0.009, 0.011), (0.0, None, 0.0)])
def test_low_thresholds_have_a_floor(threshold: float, silent: float | None, voiced: float) -> None:
    endpointer = in_state(State.SPEECH, EndpointerParams(threshold=max(threshold, 0.2)))
    endpointer.configure(EndpointerParams(threshold=threshold))
    assert feed(endpointer, voiced, 1.0) == []
    if silent is not None:
        assert kinds(feed(endpointer, silent, 1.0)) == [Paused, Ended]


def test_too_little_speech_is_no_utterance() -> None:
    endpointer = Endpointer(PARAMS)
    for _ in range(5):
        assert feed(endpointer, TALK, 0.19) == []
        assert feed(endpointer, HUSH, 0.2) == []
        assert state(endpointer) is State.IDLE


def test_speech_with_gaps_shorter_than_a_pause_adds_up() -> None:
    endpointer = Endpointer(PARAMS)
    events = []
    for _ in range(2):
        events += feed(endpointer, TALK, 0.128)
        events += feed(endpointer, HUSH, 0.1)
    assert kinds(events) == [Started]


def test_the_pause_is_at_most_half_of_the_silence() -> None:
    endpointer = in_state(State.SPEECH, EndpointerParams(silence=4 * FRAME, post_roll=samples(1)))
    assert endpointer.push(HUSH, QUIET) == ()
    (paused,) = endpointer.push(HUSH, QUIET)
    assert isinstance(paused, Paused)
    assert paused.end == paused.at == heard(endpointer)
    assert endpointer.push(HUSH, QUIET) == ()
    (ended,) = endpointer.push(HUSH, QUIET)
    assert isinstance(ended, Ended)
    assert ended.end == paused.end


@pytest.mark.parametrize("reason", ["flush", "finish"])
@pytest.mark.parametrize("beyond", [0, 300])
def test_a_flush_ends_speech_at_its_position(reason: str, beyond: int) -> None:
    endpointer = in_state(State.SPEECH)
    position = heard(endpointer) + beyond
    (ended,) = getattr(endpointer, reason)(position)
    assert ended == Ended(1, 32 * FRAME - PARAMS.pre_roll, position, position, ended.reason)
    assert ended.reason == reason
    (started,) = feed(endpointer, TALK, 0.3)
    assert isinstance(started, Started)
    assert started.start == position


def test_a_flush_in_a_pause_keeps_the_announced_end() -> None:
    endpointer = in_state(State.SPEECH)
    (paused,) = feed(endpointer, HUSH, 0.3)
    (ended,) = endpointer.flush(heard(endpointer) + 5)
    assert isinstance(paused, Paused)
    assert isinstance(ended, Ended)
    assert (ended.end, ended.reason) == (paused.end, "flush")


def test_a_flush_makes_an_utterance_of_two_frames_of_speech() -> None:
    endpointer = in_state(State.IDLE)
    feed(endpointer, TALK, 0.064)
    started, ended = endpointer.flush(heard(endpointer))
    assert isinstance(started, Started)
    assert isinstance(ended, Ended)
    assert started.at == ended.at == ended.end == heard(endpointer)


def test_a_flush_with_nothing_open_is_answered_and_loses_nothing() -> None:
    endpointer = in_state(State.IDLE)
    assert endpointer.flush(heard(endpointer)) == (Flushed(1, heard(endpointer)),)
    onset = heard(endpointer)
    feed(endpointer, TALK, 0.032)
    assert endpointer.flush(heard(endpointer)) == (Flushed(2, heard(endpointer)),)
    (started,) = feed(endpointer, TALK, 0.2)
    assert isinstance(started, Started)
    assert (started.utterance, started.start) == (3, onset - PARAMS.pre_roll)
    assert endpointer.utterances == 3


@pytest.mark.parametrize("sort", [State.IDLE, State.CANDIDATE, State.SPEECH, State.PAUSED])
def test_a_gap_counts_as_silence(sort: State) -> None:
    cases: dict[float, dict[State, list[str]]] = {
        0.1: {State.IDLE: [], State.CANDIDATE: [], State.SPEECH: [], State.PAUSED: []},
        0.4: {State.IDLE: [], State.CANDIDATE: [], State.SPEECH: ["paused"], State.PAUSED: []},
        2.0: {State.IDLE: [], State.CANDIDATE: [], State.SPEECH: ["gap"], State.PAUSED: ["gap"]},
    }
    for length, expected in cases.items():
        endpointer = in_state(sort)
        before = heard(endpointer) + 100
        events = endpointer.skip(before, before + samples(length))
        names = [e.reason if isinstance(e, Ended) else type(e).__name__.lower() for e in events]
        assert names == expected[sort]
        for event in events:
            assert isinstance(event, Paused | Ended)
            assert event.end <= before
            assert event.at == before + samples(length)
        later = feed(endpointer, TALK, 0.3)
        if length == 2.0:
            assert isinstance(later[0], Started)
            assert later[0].start == before + samples(length)


def test_speech_up_to_a_gap_belongs_to_the_utterance() -> None:
    endpointer = in_state(State.SPEECH)
    before = heard(endpointer) + 300
    (ended,) = endpointer.skip(before, before + samples(1.0))
    assert isinstance(ended, Ended)
    assert ended.end == before


def test_a_gap_in_a_pause_keeps_the_announced_end() -> None:
    endpointer = in_state(State.SPEECH)
    (paused,) = feed(endpointer, HUSH, 0.3)
    (ended,) = endpointer.skip(heard(endpointer), heard(endpointer) + samples(1.0))
    assert isinstance(paused, Paused)
    assert isinstance(ended, Ended)
    assert (ended.end, ended.reason) == (paused.end, "gap")


def test_no_pre_roll_reaches_into_a_gap() -> None:
    endpointer = in_state(State.SPEECH)
    gap_end = heard(endpointer) + samples(0.4)
    assert kinds(endpointer.skip(heard(endpointer), gap_end)) == [Paused]
    endpointer.flush(gap_end)
    (started,) = feed(endpointer, TALK, 0.3)
    assert isinstance(started, Started)
    assert started.start == gap_end


def test_a_long_utterance_is_cut_where_it_is_quietest() -> None:
    params = EndpointerParams(max_utterance=samples(3.0))
    endpointer = Endpointer(params)
    events: list[Decision] = []
    quiet = 75
    for n in range(120):
        events += endpointer.push(TALK, QUIET if n in (20, quiet) else LOUD)
    cut = quiet * FRAME + FRAME // 2
    started, ended, again, *_ = events
    assert isinstance(started, Started)
    assert ended == Ended(1, started.start, cut, ended.at, "length")
    assert again == Started(2, cut, ended.at, TALK)
    assert ended.at <= started.start + params.max_utterance


def test_of_frames_about_as_quiet_the_least_speech_like_is_cut() -> None:
    endpointer = Endpointer(EndpointerParams(max_utterance=samples(3.0)))
    events: list[Decision] = []
    for n in range(100):
        closure, breath = n == 70, n == 80
        probability = 0.4 if breath else TALK
        events += endpointer.push(probability, 1.8e-6 if breath else 6e-7 if closure else LOUD)
    ended = next(e for e in events if isinstance(e, Ended))
    assert ended.end == 80 * FRAME + FRAME // 2


def test_after_a_cut_the_probability_is_that_of_the_rest() -> None:
    endpointer = Endpointer(EndpointerParams(max_utterance=samples(3.0)))
    events = feed(endpointer, 1.0, 1.0)
    for n in range(65):
        events += endpointer.push(0.8, QUIET if n == 55 else LOUD)
    first, _, second = events
    assert isinstance(first, Started)
    assert isinstance(second, Started)
    assert (first.probability, second.probability) == (1.0, 0.8)


def test_a_candidate_that_a_gap_takes_to_the_cap_is_dropped() -> None:
    params = EndpointerParams(
        max_utterance=samples(2.0), pause=samples(5.0), silence=samples(10.0), min_speech=samples(1)
    )
    endpointer = in_state(State.CANDIDATE, params)
    gap_end = heard(endpointer) + samples(1.9)
    assert endpointer.skip(heard(endpointer), gap_end) == ()
    assert state(endpointer) is State.IDLE
    assert endpointer.keep_from == gap_end


def test_a_cut_with_only_silence_after_it_starts_nothing() -> None:
    endpointer = Endpointer(EndpointerParams(max_utterance=samples(3.0)))
    events = feed(endpointer, TALK, 2.85) + feed(endpointer, HUSH, 1.5)
    assert kinds(events) == [Started, Ended]
    assert isinstance(events[1], Ended)
    assert events[1].reason == "length"


def test_speech_after_a_pause_at_the_cap_is_another_utterance() -> None:
    endpointer = Endpointer(EndpointerParams(max_utterance=samples(3.0)))
    events = feed(endpointer, TALK, 2.5) + feed(endpointer, HUSH, 0.7) + feed(endpointer, TALK, 0.3)
    assert kinds(events) == [Started, Paused, Ended, Started]
    _, paused, ended, started = events
    assert isinstance(paused, Paused)
    assert isinstance(ended, Ended)
    assert isinstance(started, Started)
    assert (ended.end, ended.reason) == (paused.end, "length")
    assert started.start >= ended.end


def test_parameters_change_mid_stream() -> None:
    endpointer = in_state(State.SPEECH)
    endpointer.configure(EndpointerParams(silence=samples(2.0)))
    assert kinds(feed(endpointer, HUSH, 1.5)) == [Paused]
    endpointer.configure(EndpointerParams(silence=samples(0.5), max_utterance=samples(2.0)))
    assert kinds(feed(endpointer, HUSH, 0.03)) == [Ended]


def test_the_audio_still_needed() -> None:
    assert Endpointer(PARAMS).keep_from == 0
    idle = in_state(State.IDLE)
    assert idle.keep_from == heard(idle) - PARAMS.pre_roll
    for sort in (State.CANDIDATE, State.SPEECH, State.PAUSED):
        assert in_state(sort).keep_from == heard(in_state(State.IDLE)) - PARAMS.pre_roll


@pytest.mark.parametrize(
    "event",
    [
        Started(1, 2, 3, 0.5),
        Paused(1, 2, 3, 4),
        Resumed(1, 2),
        Ended(1, 2, 3, 4, "gap"),
        Flushed(1, 2),
    ],
)
def test_events_survive_the_wire(event: UtteranceEvent) -> None:
    entry = SpeechEntry(StreamId(event.at, 0), (event,))
    assert SPEECH_ENTRY.unpack(pack(entry)) == entry


@pytest.mark.parametrize("at", list(State))
@pytest.mark.parametrize("trigger", list(Trigger))
def test_a_transition_that_is_not_in_the_table_is_misuse(at: State, trigger: Trigger) -> None:
    endpointer = in_state(at)
    if (at, trigger) in TRANSITIONS:
        endpointer._move(trigger)
        assert state(endpointer) is TRANSITIONS[at, trigger]
    else:
        with pytest.raises(Misuse, match=f"{trigger.name} while {at.name}"):
            endpointer._move(trigger)


@pytest.mark.parametrize("at", list(State))
def test_every_call_is_welcome_in_every_state(at: State) -> None:
    here = heard(in_state(at))
    in_state(at).push(TALK, LOUD)
    in_state(at).push(HUSH, QUIET)
    in_state(at).skip(here, here + 1)
    in_state(at).skip(here, here + samples(100.0))
    in_state(at).configure(EndpointerParams(silence=0))
    for verb in ("flush", "finish"):
        endpointer = in_state(at)
        assert isinstance(getattr(endpointer, verb)(here)[-1], Flushed | Ended)
        assert state(endpointer) in (State.IDLE, at)


def test_positions_that_cannot_be_are_misuse() -> None:
    endpointer = in_state(State.IDLE)
    here = heard(endpointer)
    for wrong in (here - 1, here + FRAME):
        with pytest.raises(Misuse, match=str(wrong)):
            endpointer.flush(wrong)
        with pytest.raises(Misuse, match=str(wrong)):
            endpointer.skip(wrong, wrong + 10_000)
    with pytest.raises(Misuse, match="gap"):
        endpointer.skip(here, here)
    for nonsense in (-0.1, 1.1, float("nan")):
        with pytest.raises(Misuse, match="probability"):
            endpointer.push(nonsense, LOUD)


@pytest.mark.parametrize(
    "values", [{"threshold": 1.5}, {"pause": -1}, {"max_utterance": 4_000}, {"pre_roll": 300_000}]
)
def test_impossible_parameters_are_misuse(values: dict[str, float]) -> None:
    with pytest.raises(Misuse):
        EndpointerParams(**values)  # type: ignore[arg-type]


def hinted(endpointer: Endpointer, seconds: float, eager: float = 0) -> tuple[Decision, ...]:
    """Say how long the open pause may be."""
    memory = endpointer.snapshot().memory
    about = Hint(0, memory.number, memory.announced, samples(seconds), samples(eager), "Yes.", "e")
    return endpointer.hint(memory.now, about)


def test_a_hint_lets_a_pause_end_earlier() -> None:
    endpointer = in_state(State.PAUSED)
    assert hinted(endpointer, 0.5) == ()
    (ended,) = feed(endpointer, HUSH, 0.3)
    assert isinstance(ended, Ended)
    assert (ended.reason, ended.at - ended.end) == ("silence", 16 * FRAME - PARAMS.post_roll)


def test_a_pause_that_is_long_enough_for_its_hint_ends_there() -> None:
    endpointer = in_state(State.PAUSED)
    memory = endpointer.snapshot().memory
    position = memory.heard + 100
    (ended,) = endpointer.hint(position, Hint(0, 1, memory.announced, samples(0.25), 1))
    assert ended == Ended(1, memory.start, memory.announced, position, "silence")
    assert kinds(feed(endpointer, TALK, 0.5)) == [Started]


def test_a_hint_lets_a_pause_be_longer_and_the_next_is_as_before() -> None:
    endpointer = in_state(State.PAUSED)
    assert hinted(endpointer, 1.5) == ()
    assert feed(endpointer, HUSH, 1.1) == []
    assert kinds(feed(endpointer, TALK, 0.5)) == [Resumed]
    assert kinds(feed(endpointer, HUSH, 0.9)) == [Paused, Ended]


def test_a_gap_ends_a_pause_by_its_hint_too() -> None:
    endpointer = in_state(State.PAUSED)
    hinted(endpointer, 1.5)
    at = heard(endpointer)
    assert endpointer.skip(at, at + samples(0.8)) == ()
    (ended,) = endpointer.skip(at + samples(0.8), at + samples(1.6))
    assert isinstance(ended, Ended)
    assert ended.reason == "gap"


@pytest.mark.parametrize("wanted", list(State))
def test_a_hint_about_another_pause_does_nothing(wanted: State) -> None:
    endpointer = in_state(wanted)
    memory = endpointer.snapshot().memory
    for utterance, end in ((memory.number + 1, memory.announced), (memory.number, 5)):
        assert endpointer.hint(memory.now, Hint(0, utterance, end, 1, 1)) == ()
    assert endpointer.snapshot().memory == memory


def test_a_hint_that_comes_after_speech_went_on_does_nothing() -> None:
    endpointer = in_state(State.PAUSED)
    end = endpointer.snapshot().memory.announced
    feed(endpointer, TALK, 0.1)
    assert endpointer.hint(heard(endpointer), Hint(0, 1, end, 1, 1)) == ()
    assert kinds(feed(endpointer, HUSH, 0.7)) == [Paused]


def test_a_pause_is_told_to_be_likely_the_end_once() -> None:
    endpointer = in_state(State.PAUSED)
    memory = endpointer.snapshot().memory
    assert hinted(endpointer, 1.5, eager=0.6) == ()
    (likely,) = feed(endpointer, HUSH, 0.9)
    assert isinstance(likely, Likely)
    assert (likely.utterance, likely.start, likely.end) == (1, memory.start, memory.announced)
    assert likely.waited == likely.at - memory.voiced_end == -(-samples(0.6) // FRAME) * FRAME
    assert (likely.silence, likely.text, likely.evidence) == (samples(1.5), "Yes.", "e")
    assert hinted(endpointer, 1.5, eager=0.6) == ()
    assert kinds(feed(endpointer, TALK, 0.1)) == [Resumed]
    assert kinds(feed(endpointer, HUSH, 0.4)) == [Paused]
    assert kinds([*hinted(endpointer, 1.5, eager=0.1)]) == [Likely]


def test_a_pause_that_ends_is_not_told_to_be_likely_the_end() -> None:
    endpointer = in_state(State.PAUSED)
    assert hinted(endpointer, 0.5, eager=0.5) == ()
    assert kinds(feed(endpointer, HUSH, 0.5)) == [Ended]
