"""Which turns overlap, and who interrupted whom."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from common.pipeline.speech import LEAD, TAIL
from gateway.feed.overlaps import CONTESTED, LEAST, YIELDS_WITHIN, Overlaps
from gateway.protocols.events import Overlap, Turn

SECOND = 16_000


def turn(channel: int, number: int, start: int, end: int, said: str = "I think so") -> Turn:
    """Return a turn that is heard in [start, end)."""
    return Turn(
        kind="ended",
        channel=channel,
        turn=number,
        step=2,
        utterance=number,
        start=start - LEAD,
        end=end + TAIL,
        at=end + SECOND,
        transcript=said,
        language="English",
    )


def told(*turns: Turn) -> list[Overlap]:
    overlaps = Overlaps()
    return [each for turn in turns for each in overlaps.over(turn)]


FIRST = turn(0, 1, SECOND, 5 * SECOND)


def test_who_comes_in_and_goes_on_when_the_other_stops_has_interrupted():
    second = turn(1, 1, 4 * SECOND, 8 * SECOND)
    expected = Overlap(
        channel=1,
        turn=1,
        other_channel=0,
        other_turn=1,
        start=4 * SECOND,
        end=5 * SECOND,
        at=9 * SECOND,
        backchannel=False,
        interrupted=True,
    )
    assert told(FIRST, second) == [expected]
    assert told(second, FIRST) == [expected], "whichever final comes first"


def interrupts(second: Turn) -> bool:
    (overlap,) = told(FIRST, second)
    return overlap.interrupted


def test_who_stops_first_or_only_listens_interrupts_nobody():
    assert not interrupts(turn(1, 1, 2 * SECOND, 4 * SECOND))
    assert not interrupts(replace(turn(1, 1, 4 * SECOND, 6 * SECOND, "yes"), backchannel=True))


def test_the_other_has_to_stop_soon_and_not_by_itself():
    until = 8 * SECOND
    assert not interrupts(turn(1, 1, 5 * SECOND - YIELDS_WITHIN - 1, until))
    assert interrupts(turn(1, 1, 5 * SECOND - YIELDS_WITHIN, until))
    assert interrupts(turn(1, 1, 5 * SECOND - CONTESTED, until))
    assert not interrupts(turn(1, 1, 5 * SECOND - CONTESTED + 1, until))


def test_turns_behind_one_another_do_not_overlap():
    assert told(FIRST, turn(1, 1, 5 * SECOND - LEAST, 8 * SECOND))
    assert not told(FIRST, turn(1, 1, 5 * SECOND - LEAST + 1, 8 * SECOND))
    assert not told(FIRST, turn(0, 2, 4 * SECOND, 8 * SECOND)), "of one channel none overlap"
    assert not told(FIRST, turn(1, 1, 4 * SECOND, 8 * SECOND, "")), "nobody knows what was said"


LEGS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), max_size=6)


def _leg(channel: int, lengths: Sequence[tuple[int, int]]) -> list[Turn]:
    turns: list[Turn] = []
    at = 0
    for number, (silent, spoken) in enumerate(lengths, start=1):
        start = at + silent * SECOND // 8
        at = start + spoken * SECOND // 8
        turns.append(turn(channel, number, start, at))
    return turns


@given(LEGS, LEGS, st.randoms(use_true_random=False))
def test_each_pair_is_told_once_and_alike_in_any_order_of_the_legs(
    one: list[tuple[int, int]], other: list[tuple[int, int]], random: Random
):
    legs = [_leg(0, one), _leg(1, other)]
    every = told(*legs[0], *legs[1])
    mixed: list[Turn] = []
    while any(legs):
        mixed.append(random.choice([leg for leg in legs if leg]).pop(0))
    found = told(*mixed)
    assert sorted(found, key=_pair) == sorted(every, key=_pair)
    assert len({_pair(each) for each in found}) == len(found)


def _pair(each: Overlap) -> tuple[int, int, int]:
    return (each.channel, each.turn, each.other_turn)
