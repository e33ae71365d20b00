import pytest

from common.ticks import stretch


@pytest.mark.parametrize(
    ("legs", "factor"), [(0, 1.0), (1, 1.0), (128, 1.0), (192, 1.5), (256, 2.0), (5_000, 2.0)]
)
def test_ticks_grow_with_the_legs_up_to_twice_their_length(legs, factor):
    assert stretch(legs) == factor
