import pytest

from bench.keys_of_calls import Found, compared, show


def test_more_is_what_a_call_costs_beside_one_of_the_same_round():
    rounds = [
        {"no keys": (1.0, 1000.0), "API key": (3.0, 1100.0)},
        {"no keys": (1.0, 3000.0), "API key": (4.0, 3050.0)},
        {"no keys": (1.0, 2000.0), "API key": (5.0, 2080.0)},
    ]
    none, key = compared(rounds)
    assert (none.check, none.cpu, none.more) == (1.0, 2000.0, 0.0)
    assert (key.check, key.cpu, key.more) == (4.0, 2080.0, 80.0)
    lines = show(Found(calls=1, rounds=3, costs=[none, key])).splitlines()
    assert lines[-1].split() == ["API", "key", "|", "4.0", "|", "2080", "+80", "1.04"]


def test_without_the_calls_without_keys_there_is_nothing_to_compare():
    with pytest.raises(KeyError):
        compared([{"API key": (1.0, 1.0)}])
