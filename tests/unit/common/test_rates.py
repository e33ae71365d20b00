import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.rates import Bucket, Rates

AMOUNTS = st.lists(st.floats(0.0, 40.0), min_size=1, max_size=40)


def test_a_call_at_its_own_pace_is_never_held():
    bucket = Bucket(rate=2.0, burst=1.0)
    assert not any(bucket.add(0.1, 0.1 * n) for n in range(1000))


def test_a_burst_passes_and_what_follows_is_slowed():
    bucket = Bucket(rate=10.0, burst=30.0)
    assert bucket.add(30.0, 5.0) == 0.0
    assert bucket.add(1.0, 5.0) == pytest.approx(0.1)
    assert bucket.add(1.0, 5.1) == pytest.approx(0.1)
    assert bucket.add(1.0, 5.2 + 3.0) == 0.0


def test_a_clock_that_stands_still_or_goes_back_gives_nothing_for_free():
    bucket = Bucket(rate=10.0, burst=0.0)
    assert bucket.add(1.0, 5.0) == pytest.approx(0.1)
    assert bucket.add(0.0, 4.0) == pytest.approx(0.1)


@given(amounts=AMOUNTS, rate=st.floats(1.0, 32.0), burst=st.floats(0.0, 60.0), obeys=st.booleans())
def test_no_more_gets_in_than_burst_and_rate_allow(amounts, rate, burst, obeys):
    """However the audio is cut, a reader that obeys is never ahead by more than one message."""
    bucket, now, total = Bucket(rate, burst), 0.0, 0.0
    for amount in amounts:
        total += amount
        hold = bucket.add(amount, now)
        assert hold >= 0.0
        if obeys:
            now += hold
            assert total <= burst + rate * now + 1e-6
        elif total > burst + rate * now:
            assert hold == pytest.approx((total - burst) / rate)


@given(amounts=AMOUNTS, cut=st.integers(1, 7))
def test_how_the_audio_is_cut_does_not_matter(amounts, cut):
    whole, pieces = Bucket(4.0, 10.0), Bucket(4.0, 10.0)
    for second, amount in enumerate(amounts):
        held = whole.add(amount, second)
        for _ in range(cut):
            again = pieces.add(amount / cut, second)
        assert again == pytest.approx(held, abs=1e-9)


@given(amounts=AMOUNTS, rate=st.floats(0.5, 32.0), burst=st.floats(1.0, 60.0))
def test_what_does_not_fit_is_not_taken_in_and_fits_after_the_time_that_is_told(
    amounts, rate, burst
):
    bucket = Bucket(rate, burst)
    for amount in amounts:
        wait = bucket.try_add(amount, 0.0)
        if wait and amount <= burst:
            assert Bucket.try_add(bucket, amount, wait * 1.001) == 0.0
            return


def test_each_name_has_a_rate_of_its_own():
    rates = Rates(rate=2.0, burst=2.0)
    assert [rates.try_add("rude", 0.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert rates.try_add("polite", 0.0) == 0.0
    assert rates.try_add("rude", 0.5) == 0.0


def test_of_many_names_those_that_did_nothing_lately_are_forgotten():
    rates = Rates(rate=1.0, burst=1.0)
    for name in range(10_000):
        rates.try_add(str(name), name)
    assert len(rates._buckets) <= 4_096
    assert rates.try_add("9999", 9_999.0) == 1.0


def test_however_many_counts_still_stand_they_are_seldom_gone_through(monkeypatch):
    rates, looked = Rates(rate=0.001, burst=1.0), 0
    empty = Bucket.empty

    def counted(bucket: Bucket, now: float) -> bool:
        nonlocal looked
        looked += 1
        return empty(bucket, now)

    monkeypatch.setattr(Bucket, "empty", counted)
    for name in range(20_000):
        rates.try_add(str(name), 0.0)
    assert looked < 2 * 20_000
    assert [rates.try_add(str(name), 0.0) > 0 for name in (0, 9_999, 19_999)] == [True] * 3
