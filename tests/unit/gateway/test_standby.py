from gateway.standby import Standby


def test_the_client_with_the_most_loses_its_oldest_call_first():
    calls: Standby[str] = Standby()
    for client, call in [("one", "a"), ("two", "b"), ("two", "c"), ("two", "d"), ("one", "e")]:
        calls.add(client, call)
    gone: list[str] = []
    while (first := calls.first_to_go()) is not None:
        gone.append(first)
        calls.discard("two" if first in "bcd" else "one", first)
    assert gone[0] == "b"
    assert sorted(gone) == list("abcde")
    assert len(calls) == 0


def test_beyond_what_a_client_may_have_its_oldest_is_named():
    calls: Standby[str] = Standby()
    assert calls.add("one", "a", 2) is None
    assert calls.add("two", "b", 2) is None
    assert calls.add("one", "c", 2) is None
    assert calls.add("one", "d", 2) == "a"
    assert calls.add("one", "e", 0) == "a"


def test_a_call_that_is_there_twice_is_there_once_and_one_that_is_not_can_leave():
    calls: Standby[str] = Standby()
    calls.add("one", "a")
    calls.add("one", "a")
    calls.discard("one", "b")
    calls.discard("nobody", "a")
    assert len(calls) == 1


def test_a_call_that_has_just_come_does_not_go_before_its_grace_is_over():
    now = 10.0
    calls: Standby[str] = Standby(grace=1.0, clock=lambda: now)
    calls.add("one", "a")
    calls.add("one", "b")
    now = 10.5
    calls.add("two", "c")
    assert calls.first_to_go("one") is None
    now = 11.0
    assert calls.first_to_go("one") == "a"
    calls.discard("one", "a")
    calls.discard("one", "b")
    assert calls.first_to_go("one") is None
    now = 11.5
    calls.add("two", "c")
    assert calls.first_to_go("one") == "c"


def test_a_client_that_has_more_gives_way_even_in_its_grace():
    calls: Standby[str] = Standby(grace=1.0, clock=lambda: 10.0)
    for call in "abc":
        calls.add("many", call)
    calls.add("few", "d")
    assert calls.first_to_go("many") is None
    assert calls.first_to_go("few") == "a"
    calls.discard("many", "a")
    assert calls.first_to_go("few") is None
    assert calls.first_to_go("none") == "b"
    calls.discard("many", "b")
    assert calls.first_to_go("none") is None
