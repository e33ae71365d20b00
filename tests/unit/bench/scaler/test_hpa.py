from bench.scaler.hpa import Autoscaler, wanted, wanted_of_value
from deploy.kubernetes import rule


def test_within_the_tolerance_nothing_changes():
    assert wanted(109, 10, 10) == 10
    assert wanted(91, 10, 10) == 10


def test_beyond_it_the_pods_are_counted_in_whole():
    assert wanted(111, 10, 10) == 12
    assert wanted(89, 10, 10) == 9


def test_pods_come_with_the_next_look_but_no_more_than_double():
    scaler = Autoscaler(10, 2, 100, 10)
    assert [scaler.look(now, 1000) for now in (0, 15, 30, 45)] == [20, 40, 80, 100]


def test_a_few_pods_may_grow_by_four():
    assert Autoscaler(10, 1, 100, 1).look(0, 1000) == 5


def test_a_dip_shorter_than_the_window_removes_nothing():
    scaler = Autoscaler(10, 2, 100, 10)
    window = int(rule.SCALE_DOWN_WINDOW_S)
    assert scaler.look(0, 100) == 10
    assert {scaler.look(now, 50) for now in range(15, window, 15)} == {10}
    assert scaler.look(window, 100) == 10


def test_after_the_window_one_pod_goes_in_a_minute():
    scaler = Autoscaler(10, 2, 100, 10, down_window_s=0)
    looks = [scaler.look(now, 50) for now in range(0, 136, 15)]
    assert looks == [9, 9, 9, 9, 8, 8, 8, 8, 7, 7]


def test_the_limits_hold():
    scaler = Autoscaler(10, 2, 4, 3, down_window_s=0)
    assert scaler.look(0, 1000) == 4
    assert [scaler.look(60 * minute, 0) for minute in range(1, 5)] == [3, 2, 2, 2]


def test_a_value_asks_for_as_many_times_the_pods_as_it_is_beyond():
    assert wanted_of_value(0.27, 0.25, 10) == 10
    assert wanted_of_value(0.28, 0.25, 10) == 12
    assert wanted_of_value(0.05, 0.25, 10) == 2


def test_the_metric_that_asks_for_most_counts():
    assert Autoscaler(10, 1, 100, 10).look(0, 100, 2 * rule.LAG_S) == 20
    assert Autoscaler(10, 1, 100, 10).look(0, 150, 0.0) == 15


def test_without_data_pods_come_but_none_goes():
    scaler = Autoscaler(10, 1, 100, 10, down_window_s=0)
    assert scaler.look(0, None, 0.0) == 10
    assert scaler.look(60, 10, None) == 10
    assert scaler.look(120, 150, None) == 15
    assert scaler.look(180, None, 2 * rule.LAG_S) == 30
