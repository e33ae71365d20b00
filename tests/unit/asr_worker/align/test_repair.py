from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.align.repair import repair

BINS = st.lists(st.integers(0, 5000), max_size=60)


@pytest.mark.parametrize(
    ("bins", "repaired"),
    [
        ([], []),
        ([7], [7]),
        ([1, 1, 4, 4, 9], [1, 1, 4, 4, 9]),
        ([1, 99, 3, 4], [1, 2, 3, 4]),
        ([10, 90, 80, 13, 20], [10, 11, 12, 13, 20]),
        ([50, 3, 4, 5], [3, 3, 4, 5]),
        ([3, 4, 5, 0], [3, 4, 5, 5]),
        ([3, 9, 9, 4, 4, 4, 10], [3, 3, 4, 4, 4, 4, 10]),
    ],
)
def test_outliers_go_between_what_stays(bins, repaired):
    assert repair(bins) == repaired


@given(BINS)
def test_times_never_decrease_and_stay_among_those_given(bins):
    repaired = repair(bins)
    assert len(repaired) == len(bins)
    assert repaired == sorted(repaired)
    if bins:
        assert min(bins) <= repaired[0]
        assert repaired[-1] <= max(bins)


@given(BINS)
def test_what_is_in_order_is_left_alone(bins):
    assert repair(sorted(bins)) == sorted(bins)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=9))
def test_no_more_is_moved_than_must_be(bins):
    longest = max(
        size
        for size in range(1, len(bins) + 1)
        for chosen in combinations(bins, size)
        if list(chosen) == sorted(chosen)
    )
    unmoved = sum(a == b for a, b in zip(bins, repair(bins), strict=True))
    assert unmoved >= longest
