"""What places were used for, and what is late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.meter import Meter


@pytest.fixture
def meter() -> Meter:
    meter = Meter(2.3)
    meter.calibrated(0.05, 0.0)
    return meter


def test_partials_hold_places_and_are_no_work(meter):
    meter.spent(2.0)
    meter.spent(0.5, ["a"])
    assert (meter.occupied, meter.work) == (2.5, 0.5)


def test_what_an_utterance_takes_while_it_goes_on_is_work_once_it_is_over(meter):
    meter.opened("long")
    meter.spent(0.5, ["long"])
    meter.spent(1.0, ["long", "other"])
    assert (meter.occupied, meter.work) == (1.5, 0.5)
    meter.forget("long")
    assert meter.work == 1.5
    meter.spent(0.25, ["long"])
    meter.forget("long")
    assert meter.work == 1.75


def test_before_anything_was_decoded_nothing_is_known():
    assert Meter().cost(5.0) == 0.0


def test_without_an_idle_decode_the_first_one_tells():
    meter = Meter()
    meter.decoded(4.0, 0.5, 0.0)
    assert meter.cost(1000.0) == 0.5


@pytest.mark.parametrize(("audio_s", "took"), [(4.0, 0.6), (1.0, 0.6), (24.0, 3.6), (8.0, 1.2)])
def test_the_cost_is_that_of_four_seconds(meter, audio_s, took):
    for second in range(100):
        meter.decoded(audio_s, took, second / 10)
    assert meter.cost(9.9) == pytest.approx(0.6, rel=0.05)


@given(st.lists(st.tuples(st.floats(0, 60), st.floats(0, 100)), max_size=30))
def test_whatever_was_measured_an_idle_worker_costs_what_it_did_at_first(history):
    meter = Meter(2.3)
    meter.calibrated(0.05, 0.0)
    for number, (audio_s, took) in enumerate(history):
        meter.decoded(audio_s, took, float(number))
    assert meter.cost(30.0 + 100.0) == pytest.approx(0.115, abs=0.001)


@pytest.mark.parametrize(
    ("after", "audio_s", "late"),
    [
        (0.60, 4.0, 0),
        (0.63, 4.0, 1),
        (0.60, 1.0, 0),
        (1.29, 28.0, 0),
        (1.32, 28.0, 1),
        (0.0, 4.0, 0),
    ],
)
def test_late_is_half_a_second_after_what_an_idle_worker_needs(meter, after, audio_s, late):
    meter.ended("u", audio_s, 50.0)
    meter.ended("u", audio_s, 51.0)
    assert meter.overdue(50.0 + after) == late
    meter.published("u", 50.0 + after)
    meter.published("u", 99.0)
    assert (meter.ends, meter.late, meter.overdue(99.0)) == (1, late, 0)


def test_what_is_anothers_now_is_not_awaited_here(meter):
    meter.ended("u", 4.0, 0.0)
    meter.forget("u")
    meter.published("u", 9.0)
    assert (meter.ends, meter.overdue(9.0)) == (0, 0)
