from common.bus.wire import Chunk, Control
from common.pipeline.control import Flush
from common.stage.lag import Lag, newest

PCM = bytes(3200)


def test_age_counts_until_the_effects_of_the_step_are_written():
    lag = Lag()
    lag.took([100.0, 100.3])
    lag.handled(100.5)
    lag.took([100.4])
    lag.handled(100.45)
    assert lag.worst(101.0) == 0.5
    assert lag.worst(102.0) == 0.0


def test_audio_in_hand_ages_while_it_is():
    lag = Lag()
    lag.took([100.0])
    assert lag.worst(102.0) == 2.0
    assert lag.worst(103.0) == 3.0
    lag.handled(104.0)
    assert lag.worst(110.0) == 4.0


def test_where_nothing_comes_nothing_ages():
    lag = Lag()
    lag.took([])
    assert lag.worst(102.0) == 0.0
    lag.handled(103.0)
    assert lag.worst(110.0) == 0.0


def test_nothing_is_known_without_a_clock():
    lag = Lag()
    lag.took([100.0])
    assert lag.worst(None) == 0.0
    lag.handled(None)
    assert lag.worst(110.0) == 0.0


def test_the_newest_audio_counts_however_much_is_read_with_it():
    old, new = Chunk(1600, PCM, came=90.0), Chunk(3200, PCM, came=99.5)
    assert newest([old, new, Control(3200, 2, Flush())], 0.0) == 99.5


def test_what_has_no_stamp_came_as_much_later_as_it_is_further_on():
    stamped, plain = Chunk(1600, PCM, came=90.0), Chunk(3200, PCM)
    assert newest([stamped, plain], 0.0) == 90.1


def test_what_waited_for_an_owner_counts_from_then_on():
    assert newest([Chunk(1600, PCM, came=90.0)], 95.0) == 95.0


def test_audio_that_is_not_live_has_no_age():
    assert newest([Chunk(1600, PCM)], 95.0) is None
    assert newest([Control(1600, 2, Flush())], 95.0) is None
    assert newest([], 95.0) is None
