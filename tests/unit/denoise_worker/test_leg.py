"""DenoiseLeg with a pure model: positions, order of controls, gaps, chunking, take-over."""

import weakref
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from common.bus.wire import AUDIO_ORDER, NOTHING, Chunk, Control, Mark
from common.stage.api import Audio, Done, Recovery, Relay
from denoise_worker.alignment import HOP, WARM_UP
from denoise_worker.leg import DenoiseLeg

DELAY = 4 * HOP
ABSENT = 99_999
FRESH = Recovery(None, NOTHING)


class Inverter:
    """Answers in whole hops, `DELAY` samples late, with the inverse of what came in.

    Like the real model it remembers: what came in `WARM_UP` before is added.
    """

    def __init__(self):
        self.memory = np.zeros(WARM_UP, np.float32)
        self.held = np.zeros(0, np.float32)
        self.finished = False

    def process(self, samples):
        assert not self.finished
        self.held = np.concatenate((self.held, samples))
        return self._give(max(0, len(self.held) - DELAY) // HOP * HOP)

    def finish(self):
        assert not self.finished
        self.finished = True
        return self._give(len(self.held))

    def _give(self, count):
        given, self.held = self.held[:count], self.held[count:]
        heard = np.concatenate((self.memory, given))
        self.memory = heard[count:]
        return heard[:count] - given


class Models:
    """Opens models and remembers them."""

    def __init__(self):
        self.opened = []

    def __call__(self):
        self.opened.append(Inverter())
        return self.opened[-1]


def raw(start, end):
    """Samples that tell their position, none of them zero."""
    return np.arange(start, end) % 30_000 + 1


def denoised(start, end):
    """What a model that is younger than `WARM_UP` makes of it."""
    return -raw(start, end)


def absent(count):
    return np.full(count, ABSENT)


def pcm(start, end):
    return raw(start, end).astype("<i2").tobytes()


def chunk(start, end):
    return Chunk(end, pcm(start, end))


def control(position, kind="flush", order=2):
    return Control(position, order, {"t": kind})


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


def marks(effects):
    """Where these effects stand in the clean stream."""
    for effect in effects:
        match effect:
            case Audio(end):
                yield Mark(end, AUDIO_ORDER)
            case Relay(relayed):
                yield relayed.mark


def assert_written(effects):
    """Assert what Redis would: every id is greater than the one before."""
    ids = list(marks(effects))
    assert ids == sorted(set(ids))


def relayed(effects):
    return [effect.control for effect in effects if isinstance(effect, Relay)]


def run(entries, make=Inverter):
    """Every entry by itself; the effects of all."""
    leg = DenoiseLeg(make, FRESH)
    return [effect for entry in entries for effect in leg.advance([entry])]


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


@pytest.mark.parametrize("kind", ["flush", "config", "gateway"])
def test_a_control_never_waits_and_never_overtakes_its_audio(kind):
    leg = DenoiseLeg(Inverter, FRESH)
    effects = leg.advance([chunk(0, 100), control(100, kind)])
    assert effects == [Audio(100, pcm(0, 100)), Relay(control(100, kind))]


def test_controls_at_one_position_keep_their_order():
    effects = run([chunk(0, 1000), control(1000, "config", 2), control(1000, "flush", 3)])
    assert [each.order for each in relayed(effects)] == [2, 3]
    assert_written(effects)


def test_controls_before_any_audio_are_read_and_relayed():
    leg = DenoiseLeg(Inverter, FRESH)
    assert leg.reads_from == 0
    assert leg.advance([control(0, "config"), control(0, "end", 3)]) == [
        Relay(control(0, "config")),
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
    assert_clean(effects, denoised(0, 3000), absent(4777), denoised(7777, 9000))
    assert [model.finished for model in models.opened] == [True, True]
    assert_written(effects)


def test_audio_given_twice_is_taken_once():
    effects = run([chunk(0, 3000), chunk(1000, 3000), chunk(2500, 4000), control(4000, "end")])
    assert_clean(effects, denoised(0, 4000))


def test_a_step_writes_neighbouring_audio_as_one_entry():
    leg = DenoiseLeg(Inverter, FRESH)
    effects = leg.advance([chunk(n * 320, n * 320 + 320) for n in range(20)])
    assert [type(effect) for effect in effects] == [Audio]


def test_a_closed_leg_lets_go_of_its_model():
    models = Models()
    leg = DenoiseLeg(models, FRESH)
    leg.advance([chunk(0, 1000)])
    model = weakref.ref(models.opened.pop())
    assert model() is not None
    leg.close()
    assert model() is None


# Calls: stretches of audio, each of which may come after a gap, and controls in between.

Pieces = st.lists(
    st.one_of(
        st.tuples(st.just("audio"), st.integers(1, 9000)),
        st.tuples(st.just("audio"), st.integers(9000, 40_000)),
        st.tuples(st.just("gap"), st.integers(1, 2000)),
        st.tuples(st.just("flush"), st.just(0)),
        st.tuples(st.just("config"), st.just(0)),
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
    leg = DenoiseLeg(Inverter, FRESH)
    effects = [
        effect
        for batch in batches(cut(course(pieces), data), data)
        for effect in leg.advance(batch)
    ]
    assert_clean(effects, clean(whole))
    assert relayed(effects) == relayed(whole)
    assert_written(effects)
    assert effects[-1] == Done()


def gaps(entries):
    """Where audio begins again."""
    chunks = [entry for entry in entries if isinstance(entry, Chunk)]
    return [b.start for a, b in pairwise([chunk(0, 0), *chunks]) if b.start > a.end]


@given(Pieces, st.data())
def test_a_take_over_at_any_point_goes_on_where_the_clean_stream_ends(pieces, data):
    entries = cut(course(pieces), data)
    whole = run(entries)

    # The old owner dies having written a part of what it decided, but all up to its checkpoint.
    old = DenoiseLeg(Inverter, FRESH)
    checkpoint, last = data.draw(st.tuples(*[st.integers(0, len(entries))] * 2).map(sorted))
    decided = [effect for entry in entries[:checkpoint] for effect in old.advance([entry])]
    saved, least = old.snapshot(), len(decided)
    decided += [effect for entry in entries[checkpoint:last] for effect in old.advance([entry])]
    written = decided[: data.draw(st.integers(least, len(decided)))]
    emitted = max(marks(written), default=NOTHING)

    new = DenoiseLeg(Inverter, Recovery(saved.state if checkpoint else None, emitted))
    # Otherwise the model's hops after the gap are not known; a checkpoint follows in a second.
    assume(not any(saved.state["origin"] < gap <= new.reads_from for gap in gaps(entries)))
    assert new.reads_from >= saved.floor
    left = [entry for entry in entries if entry.mark > (new.reads_from, AUDIO_ORDER)]
    again = [effect for batch in batches(left, data) for effect in new.advance(batch)]

    # The runtime drops the controls that are there already; no audio is written twice.
    repeated = [e for e in again if any(mark <= emitted for mark in marks([e]))]
    assert all(isinstance(effect, Relay) for effect in repeated)
    both = [*written, *(e for e in again if e not in repeated)]
    assert_written(both)
    assert relayed(both) == relayed(whole)
    assert_clean(both, clean(whole))
    assert again[-1] == Done()


def test_a_take_over_warms_up_on_the_old_models_hops():
    models = Models()
    origin, end = 7777, 100_000
    old = DenoiseLeg(models, FRESH)
    written = old.advance([chunk(0, 5000), chunk(origin, end)])
    emitted = max(marks(written))
    snapshot = old.snapshot()
    new = DenoiseLeg(models, Recovery(snapshot.state, emitted))
    assert new.reads_from == snapshot.floor
    assert (new.reads_from - origin) % HOP == 0
    assert 0 <= emitted.position - new.reads_from - WARM_UP < HOP


def test_a_take_over_does_not_go_back_beyond_a_gap():
    old = DenoiseLeg(Inverter, FRESH)
    old.advance([chunk(0, 5000), chunk(7777, 12_000)])
    snapshot = old.snapshot()
    new = DenoiseLeg(Inverter, Recovery(snapshot.state, Mark(9000, AUDIO_ORDER)))
    assert snapshot.floor == new.reads_from == 7777
