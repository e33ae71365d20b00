"""What the recognisers did recently."""

import pytest

from gateway.admission.evidence import WINDOW, Decodes, Evidence


@pytest.fixture
def evidence() -> Evidence:
    return Evidence()


def test_without_a_look_nothing_tells(evidence):
    assert evidence.busy is None
    assert evidence.late == 0.0
    assert evidence.newcomers(3) == 3


def test_without_workers_nothing_tells_either(evidence):
    evidence.learn(Decodes(), 0, 0.0)
    assert evidence.busy is None


def test_busy_is_the_share_of_all_places_in_the_window(evidence):
    evidence.learn(Decodes(occupied=1.0, offered=1.0), 0, 0.0)
    evidence.learn(Decodes(occupied=0.0, offered=3.0), 0, 1.0)
    assert evidence.busy == 0.25
    evidence.learn(Decodes(occupied=3.0, offered=3.0), 0, WINDOW)
    assert evidence.busy == 0.5


def test_late_is_the_share_of_finals_and_of_those_that_wait_still(evidence):
    evidence.learn(Decodes(ends=10, late=4, overdue=7), 0, 0.0)
    evidence.learn(Decodes(ends=8, late=0, overdue=2), 0, 1.0)
    assert evidence.late == 6 / 20
    evidence.learn(Decodes(ends=10, late=1), 0, WINDOW)
    assert evidence.late == 0.0


def test_where_utterances_are_long_their_finals_are_looked_back_for(evidence):
    for number in range(4):
        evidence.learn(Decodes(ends=1, late=1), 0, 14.0 * number)
    assert evidence.late == 1.0
    evidence.learn(Decodes(ends=1), 0, 56.0)
    assert evidence.late == 4 / 5
    evidence.learn(Decodes(), 0, 60.0)
    assert evidence.late == 0.0


@pytest.mark.parametrize(("late", "share"), [(3, 0.0), (4, 1.0)])
def test_a_few_late_finals_are_chance(evidence, late, share):
    evidence.learn(Decodes(ends=late, late=late), 0, 0.0)
    assert evidence.late == share


def test_legs_are_new_that_were_not_there_all_the_time(evidence):
    for second, legs in enumerate((5, 3, 8)):
        evidence.learn(Decodes(), legs, float(second))
    assert evidence.newcomers(9) == 6
    evidence.learn(Decodes(), 8, WINDOW + 1.5)
    assert evidence.newcomers(9) == 1
