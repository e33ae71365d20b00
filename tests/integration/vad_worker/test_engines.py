"""One leg through several engines in turn, as workers with other engines take it over."""

import itertools

import numpy as np
import pytest

from common.audio import FloatArray
from tests.integration.common.devices import CUDA
from tests.integration.vad_worker.engines import ENGINES, ON_CUDA, engine
from tests.integration.vad_worker.test_model import EVERYWHERE, load, run
from vad_worker.framing import FRAME

TOLERANCE = 1e-5


def parts(samples: FloatArray) -> list[FloatArray]:
    """Cut samples into stretches of 11 frames, about a third of a second."""
    return [samples[at : at + 11 * FRAME] for at in range(0, len(samples), 11 * FRAME)]


@pytest.mark.parametrize(
    "others",
    [
        ("torch",),
        ("official",),
        ("torch", "official"),
        pytest.param(("torch on cuda",), marks=CUDA),
    ],
)
def test_a_leg_goes_on_in_another_engine_from_what_the_last_one_dumped(others):
    turns = [engine(name) for name in ("numpy", *others)]
    samples = load(EVERYWHERE)
    (alone,) = run(turns[0], [(turns[0].open(), samples)])
    said, state = [], turns[0].open().dump()
    for part, vad in zip(parts(samples), itertools.cycle(turns), strict=False):
        leg = vad.load_state(state)
        said += run(vad, [(leg, part)])
        state = leg.dump()
    assert np.concatenate(said).max() > 0.9
    np.testing.assert_allclose(np.concatenate(said), alone, atol=TOLERANCE)


@pytest.mark.parametrize("name", ENGINES)
def test_a_state_that_has_not_run_is_dumped_as_it_was_loaded(name):
    numbers = np.random.default_rng(0).uniform(-1, 1, 320).astype("<f4").tobytes()
    vad = engine(name)
    state = vad.load_state(numbers)
    assert state.dump() == numbers
    vad.collect([state])
    run(vad, [(vad.open(), load(EVERYWHERE))])
    assert state.dump() == numbers


@pytest.mark.parametrize("name", ENGINES)
def test_a_dump_stays_what_it_was(name):
    vad, speech = engine(name), load(EVERYWHERE)
    state = vad.open()
    run(vad, [(state, speech)])
    vad.collect([state])
    dumped = state.dump()
    before = bytes(bytearray(dumped))
    run(vad, [(state, speech)])
    assert dumped == before
    assert state.dump() != before


@pytest.mark.parametrize("name", ["torch", ON_CUDA])
def test_more_legs_than_slots_are_computed_like_the_others(name):
    speech = load(EVERYWHERE)
    starts = range(0, 20 * FRAME, FRAME)
    alone = engine("numpy")
    wanted = run(alone, [(alone.open(), speech[start:]) for start in starts])
    vad = engine(name, slots=2)
    legs = [(vad.open(), speech[start:]) for start in starts]
    for got, want in zip(run(vad, legs), wanted, strict=True):
        np.testing.assert_allclose(got, want, atol=TOLERANCE)
