"""Padding short utterances."""

from itertools import pairwise

import pytest

from asr_worker.whisper.windows import FULL, attempts


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
