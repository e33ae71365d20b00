"""What is encoded of an utterance, and which neighbours are one voice."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_worker.voices.stretches import (
    FRAME,
    WINDOW,
    Span,
    Window,
    stretches,
    windows,
)
from common.audio import FloatArray

ONE, OTHER = np.eye(2, dtype=np.float32)


def spoken(*parts: tuple[int, float]) -> FloatArray:
    """Return noise of so many frames at each level."""
    noise = np.random.default_rng(1)
    sound = [level * noise.standard_normal(frames * FRAME) for frames, level in parts]
    return np.concatenate(sound).astype(np.float32)


def window(start: int, end: int) -> Window:
    return Window(Span(start, end), Span(start, end))


def test_a_pause_separates_two_pieces_and_a_gap_in_a_word_does_not():
    (whole,) = windows(spoken((50, 0.1), (8, 0.0), (50, 0.1)))
    assert whole.heard.length == pytest.approx(108, abs=4)
    one, other = windows(spoken((60, 0.1), (30, 0.0), (60, 0.1)))
    assert one.heard.end == pytest.approx(60, abs=4)
    assert other.heard.start == pytest.approx(90, abs=4)


def test_a_short_piece_tells_nothing():
    assert [each.tells for each in windows(spoken((20, 0.1), (40, 0.0), (60, 0.1)))] == [
        False,
        True,
    ]


@given(st.lists(st.tuples(st.integers(1, 400), st.sampled_from([0.0, 0.1])), max_size=6))
def test_places_cover_each_piece_once_and_windows_hear_their_place(parts):
    audio = spoken(*parts) if parts else np.zeros(0, np.float32)
    end = 0
    for each in windows(audio):
        assert end <= each.place.start < each.place.end <= len(audio) // FRAME
        assert each.heard.start <= each.place.start
        assert each.heard.length <= WINDOW
        # What is left of a piece behind its last window is not heard.
        assert each.place.end - each.heard.end <= 20
        end = each.place.end


def test_neighbours_that_are_alike_are_one_voice():
    told = [(window(0, 100), ONE), (window(100, 200), ONE), (window(200, 300), OTHER)]
    found = stretches(told)
    assert [each.span for each in found] == [Span(0, 200), Span(200, 300)]


def test_a_piece_that_tells_nothing_belongs_to_the_nearest():
    told = [(window(0, 100), ONE), (window(150, 160), None), (window(170, 270), OTHER)]
    assert [each.span for each in stretches(told)] == [Span(0, 100), Span(150, 270)]
    assert stretches([(window(0, 10), None)]) == []


def test_a_short_stretch_is_joined_sooner_than_a_long_one():
    near = np.array([0.8, 0.6], np.float32)
    assert len(stretches([(window(0, 100), ONE), (window(100, 140), near)])) == 1
    assert len(stretches([(window(0, 100), ONE), (window(100, 200), near)])) == 2
