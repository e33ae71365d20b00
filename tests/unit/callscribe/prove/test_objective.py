"""What breaks an objective, and by how much."""

from dataclasses import replace

import pytest

from callscribe.prove.objective import Objective, allowed_wer, breaches, measured
from tests.unit.callscribe.prove.conftest import trial

FOUND = trial(4).measured
OBJECTIVE = Objective()


def test_a_load_at_the_limits_holds():
    found = replace(FOUND, final_ms=500.0, partial_ms=1000.0)
    assert breaches(OBJECTIVE, found, 0.05) == []


@pytest.mark.parametrize(
    ("changed", "text", "ratio"),
    [
        ({"final_ms": 750.0}, "p95 of finals 750 ms", 1.5),
        ({"partial_ms": 1100.0}, "p95 of partials 1100 ms", 1.1),
        ({"final_ms": None}, "no final came", float("inf")),
        ({"lost": 1}, "1 calls or finals lost", float("inf")),
        ({"gap_s": 0.5}, "0.5 s of audio lost", float("inf")),
    ],
)
def test_each_part_breaks_by_itself(changed, text, ratio):
    (breach,) = breaches(OBJECTIVE, replace(FOUND, **changed), 0.05)
    assert breach.text == text
    assert breach.ratio == pytest.approx(ratio)


def test_refused_calls_break_nothing_by_themselves():
    assert breaches(OBJECTIVE, replace(FOUND, refused=5), 0.05) == []


def test_word_errors_are_compared_with_those_of_few_calls():
    worse = replace(FOUND, wer=0.12)
    (breach,) = breaches(OBJECTIVE, worse, 0.05)
    assert breach.text == "12.0 % word errors instead of 5.0"
    assert breaches(OBJECTIVE, worse, 0.12) == []
    assert breaches(OBJECTIVE, worse, None) == [], "nothing to compare with yet"
    assert breaches(OBJECTIVE, replace(FOUND, wer=None, words=0), 0.05) == []


def test_few_words_may_differ_more_by_chance():
    assert allowed_wer(OBJECTIVE, 0.05, 50) > allowed_wer(OBJECTIVE, 0.05, 5000)
    assert allowed_wer(OBJECTIVE, 0.05, 10**9) == pytest.approx(0.07, abs=1e-4)
    assert allowed_wer(OBJECTIVE, 0.0, 0) == pytest.approx(0.02)
    assert allowed_wer(OBJECTIVE, 1.2, 50) == pytest.approx(1.22)


def test_a_report_of_the_load_tester_is_read():
    report = {
        "calls": {
            **{"most_up": 7, "refused": 2, "failed": 1, "silent": 2},
            **{"refusals": {"asr_legs": 2}, "failures": {"was left": 1}},
        },
        "results": {"lost_utterances": 3, "gap_s": 0.25},
        "words": {"reference": 90, "wer": 0.1},
    }
    found = measured(report, final_ms=12.0, partial_ms=None)
    assert (found.most_up, found.refused, found.lost, found.gap_s) == (7, 2, 6, 0.25)
    assert (found.final_ms, found.partial_ms) == (12.0, None)
    assert (found.words, found.wer) == (90, 0.1)
    assert found.reasons == ("asr_legs", "was left")
