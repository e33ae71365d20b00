from common.bus.reading import MOST_ENTRIES
from common.stage.portion import LARGEST, Portion


def test_portions_grow_while_steps_are_quick():
    portion = Portion(0.3)
    sizes = []
    for _ in range(6):
        sizes.append(portion.entries)
        portion.note(0.01, more=False)
    assert sizes == [1, 2, 4, 8, 8, MOST_ENTRIES]


def test_they_grow_further_only_while_more_is_waiting():
    portion = Portion(0.3)
    sizes = []
    for _ in range(8):
        sizes.append(portion.entries)
        portion.note(0.01, more=True)
    assert sizes == [1, 2, 4, 8, 16, 32, 64, LARGEST]
    portion.note(0.01, more=False)
    assert portion.entries == MOST_ENTRIES


def test_a_step_that_took_too_long_makes_the_next_as_much_smaller():
    portion = Portion(0.3)
    for _ in range(4):
        portion.note(0.0, more=False)
    portion.note(1.2, more=True)
    assert portion.entries == MOST_ENTRIES // 4
    portion.note(100.0, more=True)
    assert portion.entries == 1


def test_one_that_is_just_right_stays():
    portion = Portion(0.3)
    portion.note(0.0, more=False)
    portion.note(0.2, more=False)
    assert portion.entries == 2
