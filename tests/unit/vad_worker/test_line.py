"""Problems of a line: when they are told, and that cuts of the audio do not matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vad_worker.framing import FRAME, energies
from vad_worker.line import REACH, LineState, LineWatch, cut_off

QUIET, GOOD = REACH - 1, REACH + 1
SPEECH, SILENCE = 0.9, 0.1


def told(watch: LineWatch, *frames: tuple[float, float, bool]) -> list[tuple[int, str]]:
    """Return what is told, and after how many frames."""
    found = [(n, watch.watch(*each)) for n, each in enumerate(frames, 1)]
    return [(n, problem) for n, problem in found if problem is not None]


def test_quiet_speech_is_told_after_a_second_and_once():
    watch = LineWatch()
    assert told(watch, *[(SPEECH, QUIET, False)] * 1000) == [(31, "low_level")]


def test_silence_between_quiet_speech_counts_for_nothing():
    watch = LineWatch()
    frames = [(SPEECH, QUIET, False), (SILENCE, QUIET, True)] * 40
    assert told(watch, *frames) == [(61, "low_level")]


def test_it_is_told_again_after_as_much_good_speech():
    watch = LineWatch()
    quiet, good = [(SPEECH, QUIET, False)] * 40, [(SPEECH, GOOD, False)] * 31
    assert told(watch, *quiet, *good, *quiet) == [(31, "low_level"), (102, "low_level")]
    assert told(LineWatch(), *quiet, *good[:-1], *quiet) == [(31, "low_level")]


def test_a_line_that_is_loud_enough_and_an_unknown_level_are_no_problem():
    assert told(LineWatch(), *[(SPEECH, GOOD, False), (SPEECH, 0.0, False)] * 100) == []


def test_speech_that_is_cut_off_often_is_told():
    often = [(SPEECH, -10.0, n % 3 == 0) for n in range(300)]
    seldom = [(SPEECH, -10.0, n % 20 == 0) for n in range(600)]
    ((_, problem),) = told(LineWatch(), *often)
    assert problem == "clipping"
    assert told(LineWatch(), *seldom) == []


@pytest.mark.parametrize(
    ("frames", "awake"), [([], False), ([QUIET], True), ([QUIET, GOOD], False)]
)
def test_a_watch_sleeps_while_nothing_speaks_for_a_problem(frames, awake):
    watch = LineWatch()
    for level in frames:
        watch.watch(SPEECH, level, False)
    assert watch.awake is awake


FRAMES = st.lists(
    st.tuples(
        st.sampled_from([SPEECH, SILENCE]),
        st.sampled_from([QUIET, QUIET, GOOD]),
        st.sampled_from([False, False, True]),
    ),
    max_size=200,
)


@given(FRAMES, st.integers(0, 200))
def test_another_owner_goes_on_exactly(frames, cut):
    whole, first = LineWatch(), LineWatch()
    told_by_one = told(whole, *frames)
    before = told(first, *frames[:cut])
    second = LineWatch(LineState(*first.snapshot()))
    after = [(n + min(cut, len(frames)), each) for n, each in told(second, *frames[cut:])]
    assert [*before, *after] == told_by_one
    assert second.snapshot() == whole.snapshot()


@pytest.mark.parametrize(("gain", "found"), [(0.9, False), (1.0, False), (4.0, True)])
def test_frames_are_cut_off_where_several_samples_are_at_full_scale(gain, found):
    time = np.arange(10 * FRAME) / 16_000
    tone = np.sin(2 * np.pi * 1000 * time) * np.where(np.arange(len(time)) % 4000 < 16, 1.0, 0.4)
    samples = np.clip(gain * tone, -1.0, 0.9999).astype(np.float32)
    assert bool(cut_off(samples, energies(samples))) is found


def test_quiet_frames_are_not_looked_at():
    samples = np.full(FRAME, 0.01, np.float32)
    assert cut_off(samples, energies(samples)) is None
