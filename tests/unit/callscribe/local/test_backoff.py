import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.local.backoff import FIRST, MOST, SETTLED, Backoff

SPREAD = st.floats(0, 1, exclude_max=True)


def test_pauses_double_up_to_a_limit():
    backoff = Backoff()
    longest = [backoff.pause(0.0, spread=1.0) for _ in range(9)]
    assert longest == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, MOST, MOST]


def test_what_was_ready_for_long_enough_begins_anew():
    backoff = Backoff()
    for _ in range(5):
        backoff.pause(SETTLED - 0.1, spread=1.0)
    assert backoff.pause(SETTLED, spread=1.0) == FIRST
    assert backoff.pause(0.0, spread=1.0) == 2 * FIRST


@given(st.lists(SPREAD, min_size=2, max_size=20))
def test_no_pause_is_shorter_than_the_one_before_up_to_the_limit(spreads):
    backoff = Backoff()
    pauses = [backoff.pause(0.0, spread) for spread in spreads]
    growing = pauses[:7]
    assert growing == sorted(growing)
    assert all(MOST / 2 <= pause <= MOST for pause in pauses[7:])


@pytest.mark.parametrize(("spread", "pause"), [(0.0, FIRST / 2), (1.0, FIRST)])
def test_the_first_pause_is_at_least_half_of_what_it_may_be(spread, pause):
    assert Backoff().pause(0.0, spread) == pause
