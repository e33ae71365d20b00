"""Where utterances are cut: at pauses, else where it is quietest; the same in any order."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.clauses import Clause, Clauses, quietest
from common.audio import SAMPLE_RATE

START = 100_000


def at(seconds: float) -> int:
    return START + round(seconds * SAMPLE_RATE)


def middle(start: int, end: int) -> int:
    return (start + end) // 2


def ends(clauses: Clauses, end: float) -> list[float]:
    """Return the seconds at which the clauses of an utterance of `end` seconds end."""
    return [(each.end - START) / SAMPLE_RATE for each in clauses.until(at(end))]


def after(*pauses: float) -> Clauses:
    clauses = Clauses(START, middle)
    for pause in pauses:
        clauses.resumed(at(pause))
    return clauses


def test_a_short_utterance_is_one_clause():
    assert ends(after(2.0, 5.9), 12.0) == [12.0]


def test_a_pause_behind_six_seconds_ends_a_clause():
    assert ends(after(2.0, 6.0, 7.0, 12.5), 16.0) == [6.0, 12.5, 16.0]


def test_a_word_or_two_behind_a_pause_are_decoded_with_what_is_before_it():
    clauses = after(6.0)
    assert ends(clauses, 7.9) == [7.9]
    assert ends(clauses, 8.0) == [6.0, 8.0]


def test_without_a_pause_it_is_cut_where_it_is_quietest():
    asked: list[tuple[int, int]] = []

    def quiet(start: int, end: int) -> int:
        asked.append((start, end))
        return start + SAMPLE_RATE

    clauses = Clauses(START, quiet)
    assert ends(clauses, 12.0) == [12.0]
    assert ends(clauses, 12.1) == [7.0, 12.1]
    assert ends(clauses, 20.0) == ends(clauses, 20.0) == [7.0, 14.0, 20.0]
    assert asked == [(at(6), at(11)), (at(13), at(18))]


def test_a_pause_that_becomes_known_later_counts_as_if_it_had_been_known():
    late, early = after(), after(10.0)
    late.until(at(21.0))
    late.resumed(at(10.0))
    assert late.until(at(21.0)) == early.until(at(21.0))
    assert ends(late, 21.0) == [10.0, 21.0]


def test_clauses_after_another_cut_are_others():
    assert after(7.0).until(at(15.0))[-1] != after(7.0, 13.0).until(at(15.0))[-1]
    assert Clause((START,), at(7.0), at(15.0)) == after(7.0).until(at(15.0))[-1]


def test_an_engine_that_wants_none_gets_the_whole():
    clauses = Clauses(START)
    clauses.resumed(at(8.0))
    assert clauses.until(at(60.0)) == [Clause((), START, at(60.0))]
    assert not clauses.keeps(Clause((), START, at(8.0)))


@given(pauses=st.lists(st.floats(0.5, 40.0), max_size=12), length=st.floats(0.1, 60.0))
def test_clauses_cover_everything_and_stay_while_it_goes_on(pauses, length):
    pauses.sort()
    clauses = after()
    for index, pause in enumerate(pauses):
        announced = clauses.until(at(pause))[-1]
        clauses.resumed(at(pause))
        following = [each for each in pauses[index + 1 :] if each > pause][:1]
        # What speech goes on behind is still a clause 2 s later, or never.
        beyond = clauses.until(at(following[0] if following else pause + 3.0))
        if at(pause) + 2 * SAMPLE_RATE <= beyond[-1].end:
            assert clauses.keeps(announced) == (announced in beyond[:-1])
    whole = clauses.until(at(length))
    assert whole[0].start == START
    assert whole[-1].end == at(length)
    assert all(each.earlier == whole[:index] for index, each in enumerate(whole))
    assert all(first.end == second.start for first, second in pairwise(whole))
    assert all(each.end - each.start >= 6 * SAMPLE_RATE for each in whole[:-1])
    assert all(each.end - each.start <= 14 * SAMPLE_RATE for each in whole)
    assert whole == after(*(each for each in pauses if each <= length)).until(at(length))
    assert clauses.until(at(length + 1.0))[: max(0, len(whole) - 2)] == whole[:-2]
    assert clauses.certain == (at(pauses[-1]) if pauses else START)


def test_the_quietest_moment_is_in_the_pause():
    audio = np.random.default_rng(5).uniform(-0.5, 0.5, 5 * SAMPLE_RATE).astype(np.float32)
    audio[round(3.2 * SAMPLE_RATE) : round(3.6 * SAMPLE_RATE)] = 0.0
    assert 3.2 < quietest(audio) / SAMPLE_RATE < 3.6
