from common.stage.lag import Lag


def test_the_longest_time_between_two_passes_counts():
    lag = Lag()
    lag.passed(100.0)
    for now in (100.02, 100.04, 100.34, 100.36):
        lag.passed(now)
    assert round(lag.worst(100.37), 6) == 0.3


def test_a_pass_that_lasts_counts_while_it_does():
    lag = Lag()
    lag.passed(100.0)
    assert lag.worst(102.0) == 2.0
    assert lag.worst(103.0) == 3.0
    lag.passed(104.0)
    assert lag.worst(104.0) == 4.0
    lag.passed(104.5)
    assert lag.worst(104.5) == 0.5


def test_a_worker_without_work_items_is_not_behind():
    lag = Lag()
    lag.passed(100.0)
    lag.passed(100.1)
    lag.idle()
    assert round(lag.worst(100.6), 6) == 0.1
    lag.passed(109.0)
    assert lag.worst(109.25) == 0.25
