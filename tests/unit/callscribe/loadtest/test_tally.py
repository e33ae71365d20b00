from callscribe.loadtest.tally import Failure, Series, Tally


def test_a_series_knows_what_came_lately():
    series = Series()
    for second in range(10):
        series.add(second, second * 10)
    assert list(series.since(7)) == [70, 80, 90]
    assert list(series.since(99)) == []


def test_calls_go_up_and_down():
    tally = Tally()
    tally.opened(1.0, 0.02)
    tally.opened(2.0, 0.04)
    tally.ended(9.0, None, 7.5)
    tally.ended(9.5, Failure(9.5, "s2", "broke"), 3.0)
    assert list(tally.ups.values) == [1, 2, 1, 0]
    assert (tally.accepted, tally.finished, tally.all_failed, tally.sent_s) == (2, 1, 1, 10.5)
    assert tally.failures == {"broke": 1}
    assert tally.failed[0].session_id == "s2"


def test_of_many_failures_some_are_named():
    tally = Tally()
    for number in range(1000):
        tally.not_reached(float(number), "no such host")
    assert tally.failures == {"no such host": 1000}
    assert 0 < len(tally.failed) < 100


def test_refused_calls_are_no_failure_but_nothing_else_is_no_success():
    tally = Tally()
    tally.was_refused(0.1, 0.002, "vad_slots")
    complete = [tally.complete]
    tally.opened(0.2, 0.01)
    tally.ended(5.0, None, 5.0)
    assert [*complete, tally.complete] == [False, True]
    assert (tally.refused, tally.refusals) == (1, {"vad_slots": 1})


def test_what_was_lost_is_a_failure():
    for change in ({"lost_utterances": 1}, {"silent": 1}, {"gap_s": 0.1}):
        tally = Tally(**change)
        tally.opened(0.2, 0.01)
        tally.ended(5.0, None, 5.0)
        assert not tally.complete
    tally = Tally()
    tally.opened(0.2, 0.01)
    tally.ended(5.0, Failure(5.0, "s", "broke"), 5.0)
    assert not tally.complete


def test_the_worst_lateness_of_a_second_is_kept():
    tally = Tally()
    for now, late in ((1.1, 0.01), (1.2, 0.03), (1.9, 0.02), (2.0, 0.001)):
        tally.late(now, late)
    assert list(tally.lateness.values) == [0.03, 0.001]
    assert tally.worst_lateness == 0.03
