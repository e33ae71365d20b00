"""Words of an utterance lie in order, apart, and within it."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from asr_worker.api import Word
from asr_worker.placing import placed

START, SECOND = 48_000, 16_000
SECONDS = st.floats(-1.0, 9.0) | st.sampled_from([0.0, 1.0, 8.0])
WORDS = st.lists(st.builds(Word, st.just("a"), SECONDS, SECONDS, st.just(0.5)), max_size=40)


@given(WORDS, st.integers(640, 8 * SECOND))
def test_words_never_begin_together_nor_backwards_nor_lie_outside(words, length):
    end = START + length
    found = placed(words, START, end)
    assert [each.text for each in found] == [each.text for each in words]
    assert all(START <= each.start < each.end <= end for each in found)
    for one, following in pairwise(found):
        assert one.start < following.start
        assert one.end <= following.start
        # As clients get them.
        assert round(one.start / SECOND, 3) < round(following.start / SECOND, 3) or length < 2000


def test_words_that_are_apart_stay_where_they_are():
    words = [Word("one", 0.5, 0.75, 0.9), Word("two", 1.0, 1.5, 0.8)]
    first, second = placed(words, START, START + 2 * SECOND)
    assert (first.start, first.end) == (START + SECOND // 2, START + 3 * SECOND // 4)
    assert (second.start, second.end) == (START + SECOND, START + 3 * SECOND // 2)


def test_words_at_one_place_follow_each_other():
    words = [Word(each, 1.0, 1.0, 0.5) for each in ("one", "two", "three")]
    found = placed(words, 0, 2 * SECOND)
    assert [each.start for each in found] == [SECOND, SECOND + 320, SECOND + 640]
    assert [each.end for each in found] == [SECOND + 320, SECOND + 640, SECOND + 960]
