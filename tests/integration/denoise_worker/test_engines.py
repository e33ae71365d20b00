"""One leg through several engines in turn, as workers with other engines take it over."""

import itertools

import numpy as np
import pytest

from denoise_worker.alignment import HOP
from tests.integration.denoise_worker.engines import ENGINES, ON_CUDA, engine

TOLERANCE = 2**-19
"""A sixteenth of a step of PCM16."""
OPTIONS = [{}, {"post_filter": True}]


@pytest.fixture
def hops():
    """Four seconds of a hum that starts and stops, in noise."""
    rng = np.random.default_rng(2)
    at = np.arange(4 * 16_000) / 16_000
    hum = 0.3 * np.sin(2 * np.pi * 180 * at) * (np.sin(2 * np.pi * 1.3 * at) > 0)
    return (hum + rng.normal(0, 0.02, len(at))).astype(np.float32).reshape(-1, HOP)


@pytest.mark.parametrize("other", ["torch", ON_CUDA])
@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "post filter"])
def test_a_leg_goes_on_in_the_other_engine_from_what_the_last_one_dumped(hops, options, other):
    turns = [engine(name) for name in ("numpy", other)]
    (alone,) = turns[0].run([(turns[0].open(**options), hops)])
    answers, memory = [], turns[0].open(**options).dump()
    for part, model in zip(np.array_split(hops, 8), itertools.cycle(turns), strict=False):
        leg = model.open(**options, memory=memory)
        answers += model.run([(leg, part)])
        memory = leg.dump()
    np.testing.assert_allclose(np.concatenate(answers), alone, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", ENGINES)
def test_a_memory_that_has_not_run_is_dumped_as_it_was_loaded(name, hops):
    source, model = engine("numpy"), engine(name)
    heard = source.open()
    source.run([(heard, hops[:50])])
    state = model.open(memory=heard.dump())
    assert state.dump() == heard.dump()
    model.collect([state])
    model.run([(model.open(), hops[:3])])
    assert state.dump() == heard.dump()


@pytest.mark.parametrize("name", ["torch", ON_CUDA])
def test_more_legs_than_slots_are_computed_like_the_others(name, hops):
    parts = [hops[start : start + 20] for start in range(12)]
    alone, model = engine("numpy"), engine(name, slots=2)
    wanted = alone.run([(alone.open(), part) for part in parts])
    answers = model.run([(model.open(), part) for part in parts])
    for got, want in zip(answers, wanted, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE)
