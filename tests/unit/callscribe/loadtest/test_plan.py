import random

import pytest

from callscribe.loadtest.plan import (
    LEAD_S,
    LEAST_CALL_S,
    MOST_OVERTIME_S,
    PAUSE_S,
    Loop,
    Passage,
    PlannedCall,
    draw_length,
    joined,
    plan_call,
    script,
)

# Twenty seconds, with speech from 2 to 5 and from 10 to 12.
LOOP = Loop(0.1, 200, [[Passage(2.0, 5.0, "a b"), Passage(10.0, 12.0, "c")]])


class First(random.Random):
    def choice(self, seq):
        return seq[0]


def whole(script_):
    return [(round(p.start, 3), round(p.end, 3), p.text) for p in script_.whole]


def test_passages_that_no_pause_parts_are_one():
    passages = [Passage(0, 1, "a"), Passage(2, 3, "b"), Passage(5, 6, "c"), Passage(7, 8, None)]
    assert joined(passages) == [Passage(0, 3, "a b"), Passage(5, 8, None)]


def test_the_loop_begins_again():
    heard = [(round(p.start, 3), p.text) for p in LOOP.heard(0, 15.0, 40.0)]
    assert heard == [(7.0, "a b"), (15.0, "c"), (27.0, "a b"), (35.0, "c")]


def test_a_passage_may_go_on_past_the_end_of_the_loop():
    loop = Loop(0.1, 100, [[Passage(9.0, 11.0, "a")]])
    assert [(p.start, p.end) for p in loop.heard(0, 0.0, 5.0)] == [(-1.0, 1.0)]


@pytest.mark.parametrize(
    ("length", "end"),
    [
        (5.0, 5.0),  # 1.2 s and more of silence just before
        (4.0, 3.5 + PAUSE_S),  # in the pause: it is waited out
        (2.0, 3.5 + PAUSE_S),  # in the middle of speech
        (9.5, 10.5 + PAUSE_S),
    ],
)
def test_a_call_begins_before_a_passage_and_ends_in_a_pause(length, end):
    call = plan_call(LOOP, length, First())
    assert call.first == round(10 * (2.0 - LEAD_S))
    assert call.messages == round(10 * end)


def test_where_there_is_no_pause_it_ends_in_time():
    endless = Loop(0.1, 1000, [[Passage(0.0, 100.0, "a")]])
    assert plan_call(endless, 30.0, random.Random(0)).messages == 300


def test_a_pause_is_one_of_both_channels():
    loop = Loop(0.1, 400, [[Passage(1.0, 5.0, "a")], [Passage(5.5, 9.0, "b")]])
    chosen = random.Random(0)
    call = plan_call(loop, 4.0, chosen)
    assert call.messages == round(10 * (9.0 - (1.0 - LEAD_S) + PAUSE_S))
    assert call.messages / 10 <= 4.0 + MOST_OVERTIME_S


def test_lengths_have_the_mean_asked_for():
    lengths = [draw_length(60.0, random_) for random_ in [random.Random(1)] for _ in range(20_000)]
    assert min(lengths) >= LEAST_CALL_S
    assert sum(lengths) / len(lengths) == pytest.approx(60.0, rel=0.03)


def test_what_is_cut_off_is_not_judged():
    said = script(LOOP, 0, PlannedCall(15, 100).first, 100)  # from 1.5 to 11.5
    assert whole(said) == [(0.5, 3.5, "a b")]
    assert said.judges(0.4, 3.6)
    assert not said.judges(8.4, 10.0)


def test_what_nobody_wrote_down_is_not_judged():
    said = script(Loop(0.1, 200, [[Passage(2.0, 5.0, None)]]), 0, 0, 200)
    assert whole(said) == []
    assert not said.judges(2.0, 4.9)
    assert said.judges(10.0, 11.0)
