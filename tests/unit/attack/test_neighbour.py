import pytest

from tests.attack.neighbour import scripts, sent


@pytest.mark.parametrize("seconds", [5.0, 13.0])
def test_scripts_are_about_as_long_as_asked_for(seconds):
    for script in scripts(2, seconds):
        assert abs(script.seconds - seconds) < 3.0


def test_scripts_begin_with_different_turns():
    first, second = scripts(2, 5.0)
    assert first.pcm[:32_000] != second.pcm[:32_000]


@pytest.mark.parametrize(
    ("position", "when"), [(0.05, 0.1), (0.1, 0.1), (0.1004, 0.1), (1.96, 2.0)]
)
def test_a_position_is_sent_with_the_message_that_holds_it(position, when):
    assert sent(position) == pytest.approx(when)
