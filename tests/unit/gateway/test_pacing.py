import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.audio import samples, seconds
from gateway.pacing import Brake, Pacer

AMOUNTS = st.lists(st.integers(0, samples(40.0)), min_size=1, max_size=40)


def test_a_call_at_its_own_pace_is_never_held():
    pacer = Pacer(rate=2.0, burst=1.0)
    assert not any(pacer.push(samples(0.1), 0.1 * n) for n in range(1000))


def test_a_burst_passes_and_what_follows_is_slowed():
    pacer = Pacer(rate=10.0, burst=30.0)
    assert pacer.push(samples(30.0), 5.0) == 0.0
    assert pacer.push(samples(1.0), 5.0) == pytest.approx(0.1)
    assert pacer.push(samples(1.0), 5.1) == pytest.approx(0.1)
    assert pacer.push(samples(1.0), 5.2 + 3.0) == 0.0


def test_a_clock_that_stands_still_or_goes_back_gives_nothing_for_free():
    pacer = Pacer(rate=10.0, burst=0.0)
    assert pacer.push(samples(1.0), 5.0) == pytest.approx(0.1)
    assert pacer.push(0, 4.0) == pytest.approx(0.1)


@given(amounts=AMOUNTS, rate=st.floats(1.0, 32.0), burst=st.floats(0.0, 60.0), obeys=st.booleans())
def test_no_more_gets_in_than_burst_and_rate_allow(amounts, rate, burst, obeys):
    """However the audio is cut, a reader that obeys is never ahead by more than one message."""
    pacer, now, total = Pacer(rate, burst), 0.0, 0.0
    for amount in amounts:
        total += seconds(amount)
        hold = pacer.push(amount, now)
        assert hold >= 0.0
        if obeys:
            now += hold
            assert total <= burst + rate * now + 1e-6
        elif total > burst + rate * now:
            assert hold == pytest.approx((total - burst) / rate)


@given(amounts=AMOUNTS, cut=st.integers(1, 7))
def test_how_the_audio_is_cut_does_not_matter(amounts, cut):
    whole, pieces = Pacer(4.0, 10.0), Pacer(4.0, 10.0)
    for second, amount in enumerate(amounts):
        held = whole.push(amount, second)
        for part in range(cut):
            again = pieces.push(amount // cut + (part < amount % cut), second)
        assert again == pytest.approx(held, abs=1e-9)


def test_a_socket_is_read_again_once_the_last_reason_is_gone():
    brake = Brake()
    assert brake.press("memory")
    assert not brake.press("pace")
    assert not brake.press("pace")
    assert not brake.release("memory")
    assert not brake.release("memory")
    assert brake.release("pace")
    assert not brake.release("pace")
