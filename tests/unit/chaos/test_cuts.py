import pytest

from tests.chaos.cuts import judge_cuts
from tests.chaos.judge import Spoken

TRUTH = [
    Spoken(0, 1, 0.5, 2.0, "one two"),
    Spoken(0, 2, 3.0, 5.0, "three four five"),
    Spoken(0, 3, 7.5, 9.0, "six"),
]
FIRST, SECOND, THIRD = TRUTH
JOINED = Spoken(0, 1, 0.5, 5.0, "one two - three four five")
THIRD_OF_TWO = Spoken(0, 2, 7.5, 9.0, "six")


def counts(truth, heard):
    verdict = judge_cuts(truth, heard)
    assert bool(verdict.wrong) is bool(verdict.first)
    return verdict.lost, verdict.doubled, verdict.reordered, verdict.changed


@pytest.mark.parametrize("heard", [TRUTH, [JOINED, THIRD_OF_TWO]])
def test_a_pause_may_end_an_utterance_or_lie_within_one(heard):
    assert counts(TRUTH, heard) == (0, 0, 0, 0)
    assert counts(heard, TRUTH) == (0, 0, 0, 0)


def test_what_both_have_has_the_same_text():
    other = Spoken(0, 2, 3.0, 5.0, "three ten five")
    assert counts(TRUTH, [FIRST, other, THIRD]) == (0, 0, 0, 1)


def test_speech_that_is_missing_or_was_never_said():
    assert counts(TRUTH, [FIRST, THIRD]) == (3, 0, 0, 0)
    assert counts([FIRST, THIRD], TRUTH) == (0, 3, 0, 0)


def test_an_utterance_told_twice_or_out_of_order():
    assert counts(TRUTH, [FIRST, SECOND, SECOND, THIRD]) == (0, 3, 0, 0)
    assert counts(TRUTH, [SECOND, FIRST, THIRD]) == (0, 0, 2, 0)


@pytest.mark.parametrize(
    "heard",
    [
        [Spoken(0, 1, 0.6, 5.0, "one two three")],
        [Spoken(0, 1, 0.5, 4.9, "one two three")],
        [Spoken(0, 1, 0.5, 1.0, "one"), Spoken(0, 2, 4.0, 5.0, "five")],
        [Spoken(0, 1, 0.5, 3.0, "one two"), Spoken(0, 2, 2.0, 5.0, "two three")],
    ],
)
def test_speech_that_is_covered_in_part_or_twice(heard):
    assert counts([JOINED], heard) == (0, 0, 0, 6)


def test_channels_are_apart():
    other = Spoken(1, 1, 0.5, 2.0, "one two")
    assert counts([*TRUTH, other], [*TRUTH, other]) == (0, 0, 0, 0)
    assert counts([*TRUTH, other], TRUTH) == (2, 0, 0, 0)


def test_whether_anything_was_open_at_the_end_does_not_matter():
    answer = Spoken(0, 4, 12.0, 12.0, "")
    assert counts(TRUTH, [*TRUTH, answer]) == (0, 0, 0, 0)
    assert counts([*TRUTH, answer], TRUTH) == (0, 0, 0, 0)
