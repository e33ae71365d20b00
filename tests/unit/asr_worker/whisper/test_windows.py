"""Cutting long utterances: quiet places, full cover, cuts that do not move; padding short ones."""

from itertools import pairwise

import numpy as np
import pytest

from asr_worker.whisper.windows import FULL, SHORTEST, WINDOW, attempts, cuts
from common.audio import SAMPLE_RATE, FloatArray


def babble(seconds: float) -> FloatArray:
    generator = np.random.default_rng(5)
    return generator.uniform(-0.5, 0.5, int(seconds * SAMPLE_RATE)).astype(np.float32)


def test_up_to_thirty_seconds_is_one_window():
    assert cuts(babble(30)) == [(0, WINDOW)]


@pytest.mark.parametrize("length", [0, SHORTEST - 1])
def test_what_cannot_hold_a_word_has_no_window(length):
    assert cuts(np.zeros(length, np.float32)) == []


def test_a_cut_falls_into_the_pause():
    audio = babble(40)
    audio[int(24.0 * SAMPLE_RATE) : int(24.5 * SAMPLE_RATE)] = 0.0
    (_, cut), (start, end) = cuts(audio)
    assert 24.0 < cut / SAMPLE_RATE < 24.5
    assert (start, end) == (cut, len(audio))


def test_windows_cover_everything_and_stay_while_the_utterance_grows():
    audio = babble(100)
    windows = cuts(audio)
    assert windows[0][0] == 0
    assert windows[-1][1] == len(audio)
    assert all(end == start for (_, end), (start, _) in pairwise(windows))
    assert all(end - start <= WINDOW for start, end in windows)
    assert cuts(audio[: 70 * SAMPLE_RATE])[:-1] == windows[:2]


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("frames", [10, 100, 550, 700, 1050, 1900, 2600, 2950, 3000])
def test_every_attempt_holds_the_clip_and_costs_more(frames, final):
    windows = attempts(frames, final=final)
    assert all(frames <= window.encoded <= window.shown <= FULL for window in windows)
    assert all(a.encoded < b.encoded and a.shown <= b.shown for a, b in pairwise(windows))


@pytest.mark.parametrize("frames", [10, 100, 550, 700, 1050, 1900, 2600])
@pytest.mark.parametrize(("final", "margin"), [(False, 100), (True, 300)])
def test_the_encoder_hears_some_silence_and_the_decoder_four_seconds(frames, final, margin):
    window = attempts(frames, final=final)[0]
    assert margin <= window.encoded - frames < margin + 50
    assert window.shown - frames >= 400


def test_a_final_is_at_last_heard_as_whisper_was_trained():
    assert attempts(200, final=True)[-1].encoded == FULL
    assert attempts(3000, final=True) == attempts(3000, final=False)
    assert len(attempts(200, final=False)) == 2
