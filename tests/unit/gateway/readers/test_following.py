"""How far a reader of several calls is."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.readers.following import Place

PLACES = st.lists(st.integers(0, 10**15 - 1), min_size=1, max_size=64).map(
    lambda seqs: Place(tuple(seqs))
)


@given(PLACES)
def test_a_place_is_read_as_it_was_written(place):
    assert Place.parse(str(place)) == place


@given(st.text())
def test_any_other_text_is_no_place(text):
    place = Place.parse(text)
    assert place is None or [str(int(part)) for part in text.split(".")] == str(place).split(".")


@given(PLACES, st.integers(0, 63), st.integers(0, 10**9))
def test_a_place_moves_in_one_call_and_never_back(place, call, seq):
    moved = place.at(call, seq)
    assert moved.of(call) == max(seq, place.of(call))
    assert all(moved.of(each) == place.of(each) for each in range(70) if each != call)
