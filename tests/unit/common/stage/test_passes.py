from common.stage.passes import Passes


def passes(*, owned: int, at: float = 10.0) -> Passes:
    """Return those of a worker with a tick of 16 ms, after the first one."""
    found = Passes(idle=0.5, now=10.0)
    found.done(at, 0.016, owned)
    return found


def test_a_pass_is_due_once_in_a_tick():
    found = passes(owned=1)
    assert not found.is_due(10.01)
    assert found.is_due(10.0155)  # the loop's clock counts milliseconds


def test_passes_that_catch_up_are_no_further_apart_than_a_tick():
    assert 10.2 <= passes(owned=1, at=10.2).due <= 10.216


def test_a_late_pass_does_not_move_the_next_one():
    found = passes(owned=1)
    found.done(10.02, 0.016, 1)
    assert round(found.due, 6) == 10.032


def test_many_work_items_are_read_half_as_often():
    assert round(passes(owned=256).due, 6) == 10.032


def test_without_work_items_the_worker_sleeps_and_the_first_one_is_read_immediately():
    found = passes(owned=0)
    assert found.due == 10.5
    assert found.is_due(10.001)
