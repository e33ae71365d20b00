"""The search finds any limit, and the figure is below it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.prove import search
from callscribe.prove.search import Search

MOST = 500


def ended(steps: Search, limit: int) -> list[int]:
    """Let it search a machine that carries `limit` calls; return what it tried."""
    tried = []
    while (calls := steps.next()) is not None:
        assert 1 <= calls <= MOST
        assert calls not in tried, "nothing is tried twice"
        tried.append(calls)
        steps.note(calls, held=calls <= limit)
    return tried


@given(st.integers(0, 600), st.integers(1, MOST), st.sampled_from([1.25, 2.0]))
def test_it_finds_the_limit_from_any_start(limit, start, growth):
    steps = Search(start, growth=growth, most=MOST)
    tried = ended(steps, limit)
    assert steps.holds <= limit
    # It stops where more cannot hold, by more than the resolution.
    known = min(limit, MOST)
    assert known - steps.holds <= max(0, search.RESOLUTION * known)
    assert len(tried) <= 40


def test_the_coarse_ramp_doubles_and_then_halves():
    assert ended(Search(2, growth=2.0, most=MOST), 13) == [2, 4, 8, 16, 12, 14, 13]


def test_a_further_run_stays_near_the_limit_that_is_known():
    assert ended(Search(13, growth=1.25, most=MOST), 14) == [13, 16, 14, 15]
    assert ended(Search(13, growth=1.25, most=MOST), 11) == [13, 10, 11, 12]


def test_a_machine_that_carries_nothing_is_told_by_0():
    steps = Search(2, growth=2.0, most=MOST)
    assert ended(steps, 0) == [2, 1]
    assert steps.holds == 0


@pytest.mark.parametrize(
    ("limits", "workers", "figure"),
    [
        ([14, 15], 1, 12),
        ([10], 1, 9),
        ([1, 2], 1, 1),
        ([0, 2], 1, 0),
        ([14, 15], 2, 12),
        ([14, 15], 5, 10),
        ([2], 3, 0),
        ([500], 1, 450),
    ],
)
def test_the_figure_is_a_margin_below_the_least_limit(limits, workers, figure):
    assert search.figure(limits, workers) == figure


@given(st.integers(0, 500), st.integers(1, 8))
def test_a_figure_that_does_not_hold_is_lowered_until_none_is_left(figure, workers):
    steps = 0
    figure = figure // workers * workers
    while figure:
        less = search.lowered(figure, workers)
        assert 0 <= less < figure
        assert less % workers == 0
        figure, steps = less, steps + 1
    assert steps <= 60


@pytest.mark.parametrize(("figure", "asked"), [(1, 2), (10, 13), (12, 16), (100, 130)])
def test_the_surplus_is_three_tenths_rounded_up(figure, asked):
    assert search.surplus(figure) == asked


@pytest.mark.parametrize(
    ("limits", "agree"),
    [([14, 15], True), ([3, 4], True), ([2, 4], False), ([20, 18], True), ([20, 17], False)],
)
def test_limits_agree_within_a_tenth_or_a_call(limits, agree):
    assert search.agree(limits) is agree


def test_how_far_apart_limits_are_is_of_the_largest():
    assert search.apart([18, 20]) == pytest.approx(0.1)
    assert search.apart([0, 0]) == 0
