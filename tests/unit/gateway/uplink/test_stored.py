from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.stored import Stored, to_pause

stored = st.builds(
    Stored, st.sampled_from("abc"), st.floats(0, 1e4), st.floats(2.0, 600.0), st.booleans()
)


def call(
    seconds: float, *, client: str = "a", longest: float = 30.0, paused: bool = False
) -> Stored:
    return Stored(client, seconds, longest, paused)


def test_a_call_has_a_bound_and_goes_on_some_way_below_it():
    assert to_pause([call(60.0)]) == [False]
    assert to_pause([call(61.0)]) == [True]
    assert to_pause([call(46.0, paused=True)]) == [True]
    assert to_pause([call(45.0, paused=True)]) == [False]


def test_the_calls_of_a_client_share_one_and_others_do_not_suffer():
    many = [call(50.0) for _ in range(5)]
    assert to_pause([*many, call(50.0, client="b")]) == [True] * 5 + [False]
    assert to_pause([*many[:4], call(50.0, client="b")]) == [False] * 5


@given(st.lists(stored, max_size=30))
def test_one_utterance_always_fits(calls):
    """A call paused with less could not send the end of its utterance, and would wait for ever."""
    for each, paused in zip(calls, to_pause(calls), strict=True):
        if paused and not each.paused:
            assert each.seconds > each.longest + 10.0


@given(st.lists(stored, max_size=30))
def test_who_has_nothing_in_store_is_never_held(calls):
    assert not any(
        paused for each, paused in zip(calls, to_pause(calls), strict=True) if each.seconds == 0.0
    )
