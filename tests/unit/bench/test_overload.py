import pytest

from bench.overload import Phase, figures, sample_call, show


@pytest.fixture
def phases() -> list[Phase]:
    alone = Phase("alone", finals=[100.0] * 20, partials=[500.0], calls=[2, 2], let_in=2)
    filling = Phase("filling")
    twice = Phase(
        *("twice", {"asr_load": [1.0, 2.0, 3.0], "asr_load*": [60.0]}),
        finals=[120.0] * 20,
        partials=[900.0],
        calls=[6],
    )
    return [alone, filling, twice]


def test_the_last_phase_is_compared_with_the_first(phases):
    report = figures(phases)
    assert report["final_p95_ratio"] == pytest.approx(1.2)
    assert (report["refused"]["n"], report["refused"]["p95"]) == (4, 60.0)
    assert report["phases"][2]["refused"]["asr_load"]["p50"] == 2.0


def test_a_table_says_whether_the_objectives_are_met(phases):
    *_, verdict = show(figures(phases)).splitlines()
    assert "60.0 ms at p95 (below 50: no)" in verdict
    assert "1.20 times that of 2 calls alone (at most 1.5: yes)" in verdict


def test_a_call_that_broke_off_is_shown(phases):
    phases[2].broken.append("session_lost")
    assert "a call broke off: session_lost" in show(figures(phases))


def test_callers_speak_without_long_pauses():
    manner = sample_call()
    assert 60.0 < len(manner.speech) / 2 / manner.rate < 110.0, "both sides of a call of a minute"
