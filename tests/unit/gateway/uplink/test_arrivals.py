"""When audio arrived, to measure the latencies that callers feel."""

import pytest

from gateway.uplink.arrivals import Arrivals


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("gateway.uplink.arrivals.time.monotonic", lambda: now[0])
    return now


def spoken(arrivals: Arrivals, clock: list[float], seconds: float, start: int = 0) -> int:
    """Let audio arrive at the pace it is spoken, 0.1 s at a time; return where it ends."""
    position = start
    for _ in range(round(10 * seconds)):
        clock[0] += 0.1
        position += 1_600
        arrivals.note(position)
    return position


def test_age_is_counted_from_when_the_audio_was_there(clock):
    arrivals = Arrivals(0)
    spoken(arrivals, clock, 3.0)
    clock[0] += 1.0
    assert arrivals.age(48_000) == pytest.approx(1.0)
    assert arrivals.age(16_000) == pytest.approx(3.0)
    assert arrivals.age(15_999) == pytest.approx(3.0)


def test_of_audio_that_never_came_no_age_is_known(clock):
    arrivals = Arrivals(0)
    assert arrivals.age(1) is None
    spoken(arrivals, clock, 1.0)
    assert arrivals.age(16_001) is None


def test_a_call_at_the_pace_of_speech_is_live_and_an_upload_is_not(clock):
    live, upload = Arrivals(0), Arrivals(0)
    spoken(live, clock, 30.0)
    assert live.live
    upload.note(16_000)
    clock[0] += 0.1
    upload.note(16_000 * 30)
    assert not upload.live


def test_a_call_that_is_resumed_counts_from_where_it_goes_on(clock):
    start = 16_000 * 600
    arrivals = Arrivals(start)
    spoken(arrivals, clock, 5.0, start)
    assert arrivals.live
    clock[0] += 0.5
    assert arrivals.age(start + 16_000 * 5) == pytest.approx(0.5)


def test_only_so_much_is_kept(clock):
    arrivals = Arrivals(0)
    spoken(arrivals, clock, 200.0)
    clock[0] += 1.0
    # Older audio counts as having arrived with the oldest that is known.
    assert arrivals.age(1_600) == pytest.approx(arrivals.age(16_000))
    assert (arrivals.age(1_600) or 999) < 100
