"""Pauses that double up to a longest."""

from itertools import islice

from common.backoff import doubled, pauses, upper_half


def test_a_pause_doubles_up_to_the_longest_however_often():
    assert [doubled(0.1, times, 1.0) for times in range(5)] == [0.1, 0.2, 0.4, 0.8, 1.0]
    assert doubled(0.1, 100_000, 1.0) == 1.0


def test_chance_decides_over_the_upper_half():
    assert [upper_half(2.0, chance) for chance in (0.0, 0.5, 1.0)] == [1.0, 1.5, 2.0]


def test_pauses_are_jittered_so_that_no_two_clients_are_in_step():
    for _ in range(50):
        full = [min(0.25 * 2**n, 4.0) for n in range(12)]
        found = list(islice(pauses(0.25, 4.0), 12))
        assert all(most / 2 <= pause <= most for pause, most in zip(found, full, strict=True))
    assert len({next(pauses(0.25, 4.0)) for _ in range(20)}) > 1
