import pytest

from common.bus.clock import Clock


def test_nothing_is_known_before_the_first_answer():
    clock = Clock()
    assert clock.now() is None
    assert clock.at(5.0) is None


def test_the_quickest_of_the_newest_answers_counts():
    clock = Clock()
    clock.note(0.2, 1000.1)
    clock.note(0.001, 1000.0)
    clock.note(0.5, 1000.25)
    assert clock.at(5.0) == 1005.0
    for _ in range(30):
        clock.note(0.1, 1000.05)
    assert clock.at(5.0) == 1005.05


def test_another_server_has_another_clock():
    clock = Clock()
    clock.note(0.001, 1000.0, generation=1)
    clock.note(0.2, 990.0, generation=2)
    assert clock.at(5.0) == pytest.approx(995.0)
