"""When audio and controls were there, by their positions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.marks import Marks


def spoken(marks: Marks, seconds: float, *, size: int = 320, start: int = 0) -> None:
    """Note audio that comes at the pace of speech in messages of `size` samples; zero is 100 s."""
    for position in range(start + size, start + round(seconds * 16_000) + 1, size):
        marks.audio(position, 100 + position / 16_000)


def test_audio_was_there_with_the_message_that_brought_its_last_sample():
    marks = Marks(0)
    spoken(marks, 1.0)
    assert marks.when(320) == 100.02
    assert marks.when(321) == marks.when(640) == 100.04
    assert marks.when(16_001) is None


def test_a_control_was_there_later_than_the_audio_before_it():
    marks = Marks(0)
    spoken(marks, 1.0)
    marks.control(16_000, 107.0)
    marks.control(16_000, 108.0)
    assert marks.when(16_000) == 101.0
    assert marks.when(16_000, control=True) == 107.0
    spoken(marks, 1.0, start=16_000)
    assert marks.when(16_000, control=True) == 107.0
    assert marks.when(16_320) == 101.02
    assert marks.when(32_000, control=True) is None


def test_a_control_counts_however_close_it_is():
    marks = Marks(0)
    marks.audio(320, 1.0)
    marks.audio(330, 2.0)
    marks.control(330, 3.0)
    assert marks.when(330) == 3.0, "the mark of the audio was too close to the last"


def test_before_the_connection_nothing_is_known():
    marks = Marks(16_000)
    spoken(marks, 1.0, start=16_000)
    assert marks.when(16_000) is None
    assert marks.when(16_001) == pytest.approx(101.02)
    assert marks.oldest_from(10) == pytest.approx(101.02)


def test_older_audio_is_known_to_a_tenth_of_a_second_and_then_no_more():
    marks = Marks(0)
    spoken(marks, 60.0)
    now = marks.when(16_000 * 60)
    assert now == 160.0
    assert marks.when(16_000 * 57) == 157.0
    older = marks.when(16_000 * 40)
    assert older is not None
    assert 140.0 <= older <= 140.1
    assert marks.when(16_000 * 15) is None
    oldest = marks.oldest_from(16_000 * 15)
    assert oldest is not None
    assert 117 < oldest < 129


@given(st.lists(st.integers(1, 4_000), min_size=1, max_size=600), st.integers(1, 100_000))
def test_no_time_is_ever_too_early(sizes, position):
    """It may be late by one mark, never before the audio was there."""
    marks, end = Marks(0), 0
    there: list[int] = []
    for size in sizes:
        end += size
        marks.audio(end, float(end))
        there.append(end)
    found = marks.when(position)
    first = next((each for each in there if each >= position), None)
    if found is not None:
        assert first is not None
        assert first <= found <= position + 4_000 + 1_600
