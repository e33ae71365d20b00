"""How sure words are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.api import Word
from asr_worker.cpu.confidence import Calibration
from bench.confidence import calibration_error, fitted

TINY = Calibration(1.6, 0.7)


@given(st.floats(0, 1), st.floats(0, 1))
def test_it_stays_a_probability_and_in_the_order_of_the_models(one, other):
    low, high = sorted((one, other))
    assert 0 < TINY.sure(low) <= TINY.sure(high) < 1


def test_a_word_keeps_all_but_its_probability():
    (word,) = TINY.words([Word("two", 0.5, 0.75, 0.65)])
    assert (word.text, word.start, word.end) == ("two", 0.5, 0.75)
    assert word.probability == pytest.approx(0.88, abs=0.01)


def test_without_a_calibration_a_probability_stays():
    assert Calibration(0.0, 1.0).sure(0.3) == pytest.approx(0.3)


def test_the_error_of_a_calibration_is_in_points():
    assert calibration_error([(0.9, True)] * 9 + [(0.9, False)]) == pytest.approx(0)
    assert calibration_error([(0.6, True)] * 8 + [(0.2, False)] * 2) == pytest.approx(36)


def test_what_is_fitted_is_calibrated():
    said = [(0.3, n % 10 < 7) for n in range(1000)] + [(0.9, n % 50 > 0) for n in range(1000)]
    fit = fitted(said)
    assert fit.sure(0.3) == pytest.approx(0.7, abs=0.02)
    assert fit.sure(0.9) == pytest.approx(0.98, abs=0.02)
