from dataclasses import replace

import pytest

from tests.attack.scoring import (
    Answer,
    Bounds,
    Footprint,
    Heard,
    Newcomer,
    Outcome,
    broken,
    latencies,
    lost_words,
)

BOUNDS = Bounds()
TRUTH = Heard(["one", "two", "three", "four"], {2.0: 0.1, 5.0: 0.12, 8.0: 0.11})


def an_outcome(**changes) -> Outcome:
    """Nobody was harmed."""
    good = Outcome(
        attack="pings",
        seconds=10.0,
        before=[0.1, 0.12],
        during=[0.11, 0.2],
        words=4,
        newcomers=[Newcomer(Answer.LET_IN, 0.01, 0.01)],
        footprint=Footprint(before=60.0, peak=200.0, after=80.0, log_lines=100),
    )
    return replace(good, **changes)


def test_nothing_is_broken():
    assert list(broken(an_outcome(), BOUNDS)) == []


def test_words_that_are_not_there_are_lost():
    assert lost_words(TRUTH.words, TRUTH.words) == 0
    assert lost_words(TRUTH.words, ["one", "three", "four", "five"]) == 1
    assert lost_words(TRUTH.words, []) == 4


def test_words_said_twice_are_not_lost():
    assert lost_words(TRUTH.words, ["one", "one", "two", "three", "four", "four"]) == 0


def test_finals_are_compared_with_those_of_the_same_endpoint():
    heard = Heard([], {2.05: 0.3, 5.0: 0.4, 8.0: 0.5})
    assert latencies(TRUTH, heard) == [0.3, 0.4, 0.5]


def test_a_final_that_never_came_was_waited_for():
    heard = Heard([], {5.0: 0.4}, waited=20.0)
    # Of an utterance that was due at 8 s the caller waited for 12 s; of one at 2 s for 18 s.
    assert latencies(TRUTH, heard) == [18.0, 0.4, 12.0]


def test_what_was_said_before_the_attack_does_not_count():
    heard = Heard([], {5.0: 0.4, 8.0: 0.5}, counts_from=3.0)
    assert latencies(TRUTH, heard) == [0.4, 0.5]


@pytest.mark.parametrize(
    ("before", "during", "fine"),
    [
        (0.1, 0.25, True),
        (0.1, 0.26, False),
        (1.0, 1.5, True),
        (1.0, 1.51, False),
    ],
)
def test_the_larger_of_ratio_and_difference_counts(before, during, fine):
    outcome = an_outcome(before=[before], during=[during])
    assert (not list(broken(outcome, BOUNDS))) is fine


def test_without_finals_nothing_is_proved():
    assert list(broken(an_outcome(during=[]), BOUNDS))
    assert list(broken(an_outcome(before=[]), BOUNDS))


@pytest.mark.parametrize(
    ("newcomer", "fine"),
    [
        (Newcomer(Answer.LET_IN, 1.9, 1.9), True),
        (Newcomer(Answer.LET_IN, 2.1, 2.1), False),
        (Newcomer(Answer.REFUSED, 0.01, 6.9, retry_after=5.0), True),
        (Newcomer(Answer.REFUSED, 0.01, 7.1, retry_after=5.0), False),
        (Newcomer(Answer.REFUSED, 0.01, None, retry_after=5.0), False),
        (Newcomer(Answer.UNANSWERED, 8.0, None), False),
    ],
)
def test_a_newcomer_is_in_in_time(newcomer, fine):
    assert newcomer.in_time(BOUNDS) is fine
    assert (not list(broken(an_outcome(newcomers=[newcomer]), BOUNDS))) is fine


@pytest.mark.parametrize(
    "changes",
    [
        {"lost": 1},
        {"failures": ["Refused: no"]},
        {"problems": ["gateway-0 died with code -9"]},
        {"footprint": Footprint(before=60.0, after=109.0)},
        {"attacker": {"statuses": {"none": 6, "200": 94}}},
        {"attacker": {"breaches": {"a wrong key was let in": 1}}},
        {"footprint": Footprint(tracebacks=1)},
        {"footprint": Footprint(secrets=1)},
        {"footprint": Footprint(log_lines=401)},
    ],
)
def test_each_bound_by_itself(changes):
    assert len(list(broken(an_outcome(**changes), BOUNDS))) == 1


def test_log_lines_are_bounded_by_time():
    outcome = an_outcome(seconds=20.0, footprint=Footprint(log_lines=401))
    assert not list(broken(outcome, BOUNDS))


def test_a_reset_may_overtake_an_answer():
    assert not list(broken(an_outcome(attacker={"statuses": {"none": 5, "200": 95}}), BOUNDS))
