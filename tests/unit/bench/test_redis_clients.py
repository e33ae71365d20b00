import pytest

from bench.redis_clients import Spent, compared, show


async def _confirmed(count: int) -> int:
    return count


async def test_what_is_done_is_counted_and_timed():
    spent = Spent()
    await spent.on(_confirmed(4), 4)
    await spent.on(_confirmed(4), 4)
    assert spent.items == 8
    assert spent.cpu_us > 0
    assert spent.wall_us > 0


async def test_less_than_expected_is_an_error():
    with pytest.raises(AssertionError, match="4 were expected, 3 done"):
        await Spent().on(_confirmed(3), 4)


def test_the_ratio_is_the_median_over_rounds_and_not_of_medians():
    rounds = [
        (Spent(1e-6, 2e-6, 1), Spent(2e-6, 4e-6, 1)),
        (Spent(4e-6, 8e-6, 1), Spent(12e-6, 16e-6, 1)),
        (Spent(2e-6, 4e-6, 1), Spent(14e-6, 6e-6, 1)),
    ]
    row = compared("append", 7, rounds)
    assert row.cpu == pytest.approx((2.0, 12.0))
    assert row.wall == pytest.approx((4.0, 6.0))
    assert row.ratio == pytest.approx(3.0)
    header, line = show([row], header=True).splitlines()
    assert "redis-py" in header
    assert line.split() == ["7", "|", "append", "|", "2.0", "12.0", "3.0", "|", "4.0", "6.0"]
