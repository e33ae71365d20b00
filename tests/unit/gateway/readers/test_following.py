"""How far a reader of several calls is, and what it is told from there on."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.directory import Known
from gateway.readers.following import Following, Place
from tests.unit.gateway.readers.stored import KNOWN, LATER, Redis, feed_of, final

SESSIONS = st.text("0123456789abcdef", min_size=1, max_size=32)
SEQS = st.integers(0, 10**15 - 1)
PLACES = st.builds(
    Place,
    SESSIONS | st.text(max_size=8),
    st.dictionaries(SESSIONS, SEQS, min_size=1, max_size=64),
)
A, B = replace(KNOWN, broken=True), replace(LATER, broken=True)


def parsed(text: str, name: str = "a name") -> Place:
    place = Place.parse(text, name)
    assert place is not None
    return place


async def read(redis: Redis, place: Place, *calls: Known) -> list[tuple[str, str]]:
    """Return the place behind each final of these calls, with its text."""

    async def find() -> tuple[Known, ...]:
        return calls

    following = Following(feed_of(redis), calls, find, place)
    told = [each async for messages in following for each in messages]
    following.close()
    return [(str(behind), said["text"]) for behind, said in told if said["type"] == "final"]


@given(PLACES)
def test_a_place_is_read_as_it_was_written(place):
    assert Place.parse(str(place), place.name) == place


@given(st.text("ab01-.") | st.text(), SESSIONS)
def test_any_other_text_is_no_place(text, name):
    place = Place.parse(text, name)
    if place is not None:
        again = parsed(str(place), name)
        assert all(again.of(session) == seq for session, seq in place.seqs.items())


@given(PLACES, SESSIONS, SEQS)
def test_a_place_moves_in_one_call_and_never_back(place, call, seq):
    moved = place.at(call, seq)
    assert moved.of(call) == max(seq, place.of(call))
    assert all(moved.of(each) == place.of(each) for each in place.seqs if each != call)


def test_a_number_counts_only_for_the_call_with_that_id():
    assert parsed("7", "s").of("s") == 7
    assert parsed("7", "s").of("t") == 0
    assert str(parsed("7", "s").at("s", 8)) == "8"
    assert str(parsed("7", "a name").among(["s"])) == "s-0"


def test_numbers_that_do_not_say_whose_they_are_count_for_no_call():
    place = parsed("40.12", "s")
    assert (place.of("s"), place.of("t"), str(place)) == (0, 0, "0")


async def test_a_call_is_read_from_its_own_seq_on_after_an_earlier_one_is_gone():
    redis = Redis()
    redis.tell("s", *(final(text=f"a{number}") for number in range(1, 4)))
    redis.tell("t", *(final(text=f"b{number}") for number in range(1, 3)))
    told = await read(redis, parsed("0"), A, B)
    assert [text for _, text in told] == ["a1", "a2", "a3", "b1", "b2"]
    place = told[-2][0]
    assert place == "s-3.t-1"
    assert await read(redis, parsed(place), A, B) == [("s-3.t-2", "b2")]
    assert await read(redis, parsed(place), B) == [("t-2", "b2")]
    assert await read(redis, parsed(place), B, A) == [("t-2.s-3", "b2")]


async def test_each_message_says_where_the_reader_is_in_every_call():
    """Also the first ones: a connection may break behind any."""
    redis = Redis()

    async def find() -> tuple[Known, ...]:
        return A, B

    following = Following(feed_of(redis), await find(), find, parsed("s-3.t-1"))
    places = {str(place) async for messages in following for place, _ in messages}
    assert places == {"s-3.t-1"}


async def test_a_single_call_by_its_id_is_read_by_plain_numbers():
    redis = Redis()
    redis.tell("s", *(final(text=f"a{number}") for number in range(1, 4)))
    assert await read(redis, parsed("1", "s"), A) == [("2", "a2"), ("3", "a3")]
