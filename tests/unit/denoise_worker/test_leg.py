"""DenoiseLeg with a pure model: positions, order of controls, gaps, chunking, take-over."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.audio import FloatArray
from common.bus.wire import AUDIO_ORDER, NOTHING, Chunk, Control, StreamId
from common.options import SessionOptions
from common.pipeline.control import Command, Configure, End, Flush
from common.stage.api import Audio, Done, Recovery, Relay
from denoise_worker.alignment import DELAY, HOP
from denoise_worker.leg import DenoiseLeg

ABSENT = 99_999
FRESH = Recovery(None, NOTHING)
FULL_SCALE = np.float32(32_768)


class Inverter:
    """Answers `DELAY` samples late with the inverse of what came in.

    Like the real model it remembers: a hop's number, counted from the first it ever heard, is
    taken from its samples.
    """

    def __init__(self, memory):
        self.age: int = 0
        self.held: FloatArray = np.zeros(DELAY, np.float32)
        if memory:
            self.age, self.held = pickle.loads(memory)

    def dump(self):
        return pickle.dumps((self.age, self.held))

    def run(self, hops):
        numbers = (self.age + np.arange(len(hops))) % 7
        self.age += len(hops)
        answers = -hops - (numbers / FULL_SCALE).astype(np.float32)[:, None]
        joined = np.concatenate((self.held, answers.reshape(-1)))
        self.held = joined[hops.size :]
        return joined[: hops.size].reshape(-1, HOP)


class Passing:
    """A mixture of the model's version alone, beside which is the audio that it is of."""

    def __init__(self, memory):
        assert memory in (None, b"passing")

    def dump(self):
        return b"passing"

    def mix(self, noisy, denoised):
        np.testing.assert_allclose(noisy, -denoised, atol=7 / 32_768)
        return denoised


def advance(leg, entries):
    """A step, the model's part included."""
    return leg.conclude([model.run(hops) for model, hops in leg.ingest(entries)])


class Models:
    """Opens models and remembers them."""

    def __init__(self):
        self.opened = []

    def __call__(self, memory):
        self.opened.append(Inverter(memory))
        return self.opened[-1]


def raw(start, end):
    """Samples that tell their position, none of them zero."""
    return np.arange(start, end) % 30_000 + 1


def denoised(start, end, origin=0):
    """What a model that began at `origin` makes of it."""
    return -raw(start, end) - (np.arange(start, end) - origin) // HOP % 7


def absent(count):
    return np.full(count, ABSENT)


def pcm(start, end):
    return raw(start, end).astype("<i2").tobytes()


def chunk(start, end):
    return Chunk(end, pcm(start, end))


COMMANDS: dict[str, Command] = {
    "flush": Flush(),
    "on": Configure(SessionOptions(denoise=True)),
    "off": Configure(SessionOptions(denoise=False)),
    "end": End(),
}


def control(position, kind="flush", order=2):
    return Control(position, order, COMMANDS[kind])


def clean(effects):
    """The clean stream's samples by position; each position at most once, in order."""
    samples = absent(0)
    for effect in effects:
        if isinstance(effect, Audio):
            values = np.frombuffer(effect.pcm, "<i2")
            missing = effect.end - len(values) - len(samples)
            assert missing >= 0
            samples = np.concatenate((samples, absent(missing), values))
    return samples


def assert_clean(effects, *parts):
    np.testing.assert_array_equal(clean(effects), np.concatenate(parts))


def stream_ids(effects):
    """Where these effects stand in the clean stream."""
    for effect in effects:
        match effect:
            case Audio(end):
                yield StreamId(end, AUDIO_ORDER)
            case Relay(relayed):
                yield relayed.stream_id


def assert_written(effects):
    """Assert what Redis would: every id is greater than the one before."""
    ids = list(stream_ids(effects))
    assert ids == sorted(set(ids))


def relayed(effects):
    return [effect.control for effect in effects if isinstance(effect, Relay)]


def run(entries, make=Inverter):
    """Every entry by itself; the effects of all."""
    leg = DenoiseLeg(make, Passing, FRESH)
    return [effect for entry in entries for effect in advance(leg, [entry])]


def test_clean_audio_lies_under_its_own_position():
    effects = run([chunk(0, 777), chunk(777, 5000), control(5000, "end")])
    assert_clean(effects, denoised(0, 5000))
    assert effects[-2:] == [Relay(control(5000, "end")), Done()]
    assert_written(effects)


def test_a_flush_passes_on_what_is_inside_and_drops_its_late_version():
    effects = run([chunk(0, 5000), control(5000), chunk(5000, 9000), control(9000, "end")])
    answered = (5000 - DELAY) // HOP * HOP
    assert_clean(effects, denoised(0, answered), raw(answered, 5000), denoised(5000, 9000))
    assert relayed(effects) == [control(5000), control(9000, "end")]
    assert_written(effects)


@pytest.mark.parametrize("kind", ["flush", "on", "off"])
def test_a_control_never_waits_and_never_overtakes_its_audio(kind):
    leg = DenoiseLeg(Inverter, Passing, FRESH)
    effects = advance(leg, [chunk(0, 100), control(100, kind)])
    assert effects == [Audio(100, pcm(0, 100)), Relay(control(100, kind))]


def test_controls_at_one_position_keep_their_order():
    effects = run([chunk(0, 1000), control(1000, "on", 2), control(1000, "flush", 3)])
    assert [each.order for each in relayed(effects)] == [2, 3]
    assert_written(effects)


def test_controls_before_any_audio_are_read_and_relayed():
    leg = DenoiseLeg(Inverter, Passing, FRESH)
    assert leg.reads_from == 0
    assert advance(leg, [control(0, "on"), control(0, "end", 3)]) == [
        Relay(control(0, "on")),
        Relay(control(0, "end", 3)),
        Done(),
    ]


def test_no_model_is_opened_before_there_is_audio():
    models = Models()
    run([control(0)], models)
    assert not models.opened


def test_a_gap_ends_the_model_and_starts_another():
    models = Models()
    effects = run([chunk(0, 3000), chunk(7777, 9000), control(9000, "end")], models)
    assert_clean(effects, denoised(0, 3000), absent(4777), denoised(7777, 9000, 7777))
    assert len(models.opened) == 2
    assert_written(effects)


def test_audio_given_twice_is_taken_once():
    effects = run([chunk(0, 3000), chunk(1000, 3000), chunk(2500, 4000), control(4000, "end")])
    assert_clean(effects, denoised(0, 4000))


def test_a_step_writes_neighbouring_audio_as_one_entry():
    leg = DenoiseLeg(Inverter, Passing, FRESH)
    effects = advance(leg, [chunk(n * 320, n * 320 + 320) for n in range(20)])
    assert [type(effect) for effect in effects] == [Audio]


def test_a_step_runs_each_model_once():
    models = Models()
    leg = DenoiseLeg(models, Passing, FRESH)
    entries = [chunk(0, 700), control(700), chunk(700, 2000), chunk(3000, 4000), chunk(4000, 5000)]
    assert [model for model, _ in leg.ingest(entries)] == models.opened
    assert len(models.opened) == 2


def test_a_step_without_a_whole_hop_runs_no_model():
    leg = DenoiseLeg(Inverter, Passing, FRESH)
    assert leg.ingest([chunk(0, HOP - 1)]) == []
    assert leg.conclude([]) == []


def test_switched_off_audio_passes_as_it_came_in_from_the_control_on():
    models = Models()
    entries = [chunk(0, 5000), control(5000, "off"), chunk(5000, 9000), control(9000, "end")]
    effects = run(entries, models)
    answered = (5000 - DELAY) // HOP * HOP
    assert_clean(effects, denoised(0, answered), raw(answered, 9000))
    assert relayed(effects) == [control(5000, "off"), control(9000, "end")]
    assert_written(effects)
    assert [model.age * HOP for model in models.opened] == [5000 // HOP * HOP]


def test_switched_off_nothing_waits():
    leg = DenoiseLeg(Inverter, Passing, FRESH)
    advance(leg, [control(0, "off")])
    assert advance(leg, [chunk(0, 10)]) == [Audio(10, pcm(0, 10))]


def test_switched_on_again_a_fresh_model_begins_at_the_control():
    models = Models()
    effects = run(
        [
            chunk(0, 5000),
            control(5000, "off"),
            chunk(5000, 7777),
            control(7777, "on"),
            chunk(7777, 9999),
            control(9999, "end"),
        ],
        models,
    )
    answered = (5000 - DELAY) // HOP * HOP
    assert_clean(effects, denoised(0, answered), raw(answered, 7777), denoised(7777, 9999, 7777))
    assert_written(effects)
    assert len(models.opened) == 2


def test_a_control_that_switches_nothing_goes_on_with_the_same_model():
    models = Models()
    effects = run([chunk(0, 5000), control(5000, "on"), chunk(5000, 9000), control(9000, "end")])
    flushed = run([chunk(0, 5000), control(5000), chunk(5000, 9000), control(9000, "end")], models)
    assert_clean(effects, clean(flushed))
    assert len(models.opened) == 1


def test_a_leg_may_begin_switched_off():
    leg = DenoiseLeg(Inverter, Passing, FRESH, on=False)
    effects = advance(leg, [chunk(0, 3000), control(3000, "on"), chunk(3000, 5000)])
    effects += advance(leg, [control(5000, "end")])
    assert_clean(effects, raw(0, 3000), denoised(3000, 5000, 3000))


def test_a_leg_that_cannot_be_denoised_goes_on_as_it_came_where_its_clean_audio_ended():
    leg = DenoiseLeg(Inverter, Passing, Recovery(None, StreamId(2000, AUDIO_ORDER)), able=False)
    effects = advance(leg, [chunk(1000, 3000), control(3000, "on"), chunk(3000, 5000)])
    effects += advance(leg, [control(5000, "end")])
    assert_clean(effects, absent(2000), raw(2000, 5000))
    assert leg.memory is None


@given(st.binary(min_size=2, max_size=200).filter(lambda data: len(data) % 2 == 0))
def test_what_passes_is_the_same_bit_by_bit(data):
    leg = DenoiseLeg(Inverter, Passing, FRESH, on=False)
    assert advance(leg, [Chunk(len(data) // 2, data)]) == [Audio(len(data) // 2, data)]


# Calls: stretches of audio, each of which may come after a gap, and controls in between.

Pieces = st.lists(
    st.one_of(
        st.tuples(st.just("audio"), st.integers(1, 9000)),
        st.tuples(st.just("audio"), st.integers(9000, 40_000)),
        st.tuples(st.just("gap"), st.integers(1, 2000)),
        st.tuples(st.just("flush"), st.just(0)),
        st.tuples(st.sampled_from(["on", "off"]), st.just(0)),
    ),
    max_size=8,
)


def course(pieces):
    """The entries of a call; a gap shows when audio follows."""
    entries, position, last, order = [], 0, 0, 1
    for kind, length in pieces:
        if kind == "audio":
            position += length
            entries.append(chunk(position - length, position))
            last, order = position, 1
        elif kind == "gap":
            position += length
        else:
            order += 1
            entries.append(control(last, kind, order))
    return [*entries, control(last, "end", order + 1)]


def cut(entries, data):
    """Cut the chunks anywhere."""
    pieces = []
    for entry in entries:
        if isinstance(entry, Control):
            pieces.append(entry)
            continue
        inner = st.integers(entry.start + 1, entry.end)
        ends = sorted({*data.draw(st.lists(inner, max_size=4)), entry.end})
        starts = [entry.start, *ends[:-1]]
        pieces += [chunk(start, end) for start, end in zip(starts, ends, strict=True)]
    return pieces


def batches(entries, data):
    while entries:
        size = data.draw(st.integers(1, 5))
        yield entries[:size]
        entries = entries[size:]


@given(Pieces, st.data())
def test_chunking_and_batching_change_no_sample_and_no_order(pieces, data):
    whole = run(course(pieces))
    leg = DenoiseLeg(Inverter, Passing, FRESH)
    effects = [
        effect
        for batch in batches(cut(course(pieces), data), data)
        for effect in advance(leg, batch)
    ]
    assert_clean(effects, clean(whole))
    assert relayed(effects) == relayed(whole)
    assert_written(effects)
    assert effects[-1] == Done()


@given(Pieces, st.data())
def test_a_take_over_at_any_point_changes_no_sample(pieces, data):
    entries = cut(course(pieces), data)
    whole = run(entries)

    # The old owner dies having written a part of what it decided, but all up to its checkpoint.
    old = DenoiseLeg(Inverter, Passing, FRESH)
    checkpoint, last = data.draw(st.tuples(*[st.integers(0, len(entries))] * 2).map(sorted))
    decided = [effect for entry in entries[:checkpoint] for effect in advance(old, [entry])]
    saved, least = old.snapshot(), len(decided)
    state = saved.state if checkpoint else None
    decided += [effect for entry in entries[checkpoint:last] for effect in advance(old, [entry])]
    written = decided[: data.draw(st.integers(least, len(decided)))]
    emitted = max(stream_ids(written), default=NOTHING)

    new = DenoiseLeg(Inverter, Passing, Recovery(state, emitted))
    assert new.reads_from == saved.floor
    left = [entry for entry in entries if entry.stream_id > (new.reads_from, AUDIO_ORDER)]
    again = [effect for batch in batches(left, data) for effect in advance(new, batch)]

    # The runtime drops the controls that are there already; no audio is written twice.
    repeated = [e for e in again if any(stream_id <= emitted for stream_id in stream_ids([e]))]
    assert all(isinstance(effect, Relay) for effect in repeated)
    both = [*written, *(e for e in again if e not in repeated)]
    assert_written(both)
    assert relayed(both) == relayed(whole)
    assert_clean(both, clean(whole))
    assert again[-1] == Done()


def test_a_checkpoint_of_a_leg_switched_off_holds_no_model():
    leg = DenoiseLeg(Inverter, Passing, FRESH)
    advance(leg, [chunk(0, 5000), control(5000, "off"), chunk(5000, 6000)])
    snapshot = leg.snapshot()
    assert len(snapshot.state) < 50
    models = Models()
    heir = DenoiseLeg(models, Passing, Recovery(snapshot.state, StreamId(5500, AUDIO_ORDER)))
    assert advance(heir, [chunk(6000, 7000)]) == [Audio(7000, pcm(6000, 7000))]
    assert not models.opened


def test_a_checkpoint_needs_no_audio_before_it():
    leg = DenoiseLeg(Inverter, Passing, FRESH)
    advance(leg, [chunk(0, 5000), chunk(7777, 12_345)])
    snapshot = leg.snapshot()
    assert snapshot.floor == 12_345
    heir = DenoiseLeg(Inverter, Passing, Recovery(snapshot.state, StreamId(12_000, AUDIO_ORDER)))
    assert heir.reads_from == 12_345
    effects = advance(heir, [chunk(12_345, 14_000), control(14_000, "end")])
    samples = np.frombuffer(effects[0].pcm, "<i2")
    np.testing.assert_array_equal(samples, denoised(12_000, 14_000, 7777))
