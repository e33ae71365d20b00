import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscribe.client.redialling import LONGEST_WAIT, STEADY, Redialling


def lost_at(now, urls=("a",), patience=60.0, immediately=False):
    redialling = Redialling(urls, patience)
    redialling.connected(urls[0], now)
    redialling.lost(now, immediately=immediately)
    return redialling


def test_waits_double_up_to_a_bound():
    redialling = lost_at(0.0)
    waits = [redialling.next_attempt(0.0, 1.0).wait for _ in range(9)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0])


@given(st.floats(0, 1), st.integers(1, 40))
def test_a_wait_is_a_random_part_of_the_bound(chance, tries):
    redialling = lost_at(0.0)
    for _ in range(tries):
        wait = redialling.next_attempt(0.0, chance).wait
    assert 0 <= wait <= chance * LONGEST_WAIT


def test_who_was_sent_away_tries_the_next_immediately_but_only_once():
    redialling = lost_at(0.0, ("a", "b"), immediately=True)
    attempt = redialling.next_attempt(0.0, 1.0)
    assert (attempt.url, attempt.wait) == ("b", 0.0)
    redialling.connected("b", 0.0)
    redialling.lost(1.0, immediately=True)
    assert redialling.next_attempt(1.0, 1.0).wait > 0


def test_servers_are_tried_in_turn_beginning_behind_the_one_that_failed():
    redialling = lost_at(0.0, ("a", "b", "c"))
    order = []
    for _ in range(4):
        order.append(redialling.next_attempt(0.0, 0.0).url)
        redialling.failed(order[-1], 0.0, 0.0)
    assert order == ["b", "c", "a", "b"]


def test_a_server_that_asked_to_wait_is_passed_over_or_waited_for():
    redialling = lost_at(0.0, ("a", "b"))
    redialling.failed("b", 0.0, 7.0)
    assert redialling.next_attempt(1.0, 0.0).url == "a"
    redialling.failed("a", 1.0, 9.0)
    attempt = redialling.next_attempt(1.0, 0.0)
    assert (attempt.url, attempt.wait) == ("b", 6.0)


def test_patience_ends_and_the_last_attempt_is_within_it():
    redialling = lost_at(10.0, patience=3.0)
    redialling.failed("a", 10.0, 60.0)
    assert redialling.next_attempt(10.0, 1.0).wait == 3.0
    assert redialling.next_attempt(13.0, 1.0) is None


def test_connections_that_lead_to_nothing_use_patience_up():
    redialling = lost_at(0.0, patience=3.0)
    redialling.next_attempt(0.0, 1.0)
    redialling.connected("a", 2.0)
    redialling.lost(2.5, immediately=False)
    assert redialling.next_attempt(2.5, 1.0).wait == pytest.approx(0.2)
    assert redialling.next_attempt(3.5, 1.0) is None


@pytest.mark.parametrize("how", ["got_on", "steady"])
def test_a_connection_that_works_gives_it_back(how):
    redialling = lost_at(0.0, patience=3.0)
    redialling.next_attempt(0.0, 1.0)
    redialling.connected("a", 2.0)
    if how == "got_on":
        redialling.advanced()
    lost = 2.5 if how == "got_on" else 2.0 + STEADY
    redialling.lost(lost, immediately=False)
    assert redialling.next_attempt(lost, 1.0).wait == pytest.approx(0.1)
    assert redialling.next_attempt(lost + 2.5, 1.0) is not None
