import random

import numpy as np
import pytest

from bench.admission import joined, show
from common.audio import SAMPLE_RATE


@pytest.mark.parametrize("seconds", [[1.5], [3.0, 7.0], [40.0]])
def test_utterances_are_long_and_end_in_a_pause(seconds):
    clips = [np.full(round(each * SAMPLE_RATE), 0.5, np.float32) for each in seconds]
    silent = joined(clips, random.Random(7)) == 0.0
    edges = np.flatnonzero(np.diff(silent, prepend=True, append=False))
    lengths = np.diff(edges) / SAMPLE_RATE
    pauses = [length for length, quiet in zip(lengths, silent[edges[:-1]], strict=True) if quiet]
    long = [length for length in pauses if length > 0.8]
    assert len(long) == 8
    assert 8 * 20.0 < len(silent) / SAMPLE_RATE - sum(long) < 8 * 30.0


def test_a_line_says_who_was_refused_and_what_broke_off():
    spread = {"n": 3, "p50": 20.0, "p95": 30.0, "max": 40.0}
    row = {
        **{"scene": "long", "callers": 4, "calls": 3.5, "let_in": 4, "late": 0.125},
        **{"final_ms": spread, "after_silence_ms": spread, "partial_every_ms": spread},
        **{"broken": ["session_lost"]},
        **{"refused": {"asr_load": 2}, "processor": {"asr": 0.5, "gateway": 0.25}},
    }
    line, broken = show(row).splitlines()
    assert "50%   75%" in line
    assert " 12.5%" in line
    assert line.endswith("asr_load 2")
    assert broken.endswith("session_lost")
