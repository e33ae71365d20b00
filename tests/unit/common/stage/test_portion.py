from common.bus.reading import MOST_ENTRIES
from common.stage.portion import Portion


def test_portions_grow_while_steps_are_quick_up_to_what_is_read_at_most():
    portion = Portion(0.3)
    sizes = []
    for _ in range(6):
        sizes.append(portion.entries)
        portion.note(0.01)
    assert sizes == [1, 2, 4, 8, 8, MOST_ENTRIES]


def test_a_step_that_took_too_long_makes_the_next_as_much_smaller():
    portion = Portion(0.3)
    for _ in range(4):
        portion.note(0.0)
    portion.note(1.2)
    assert portion.entries == MOST_ENTRIES // 4
    portion.note(100.0)
    assert portion.entries == 1


def test_one_that_is_just_right_stays():
    portion = Portion(0.3)
    portion.note(0.0)
    portion.note(0.2)
    assert portion.entries == 2
