"""A long call keeps its memory flat."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from callscribe import sample
from tests.web.client.conftest import Drive

SECONDS = 60
SPEED = 4
"""A call so many times as long as the test."""
MOST_GROWTH = 3_000_000
"""Bytes: the audio in the replay buffer is a few seconds, and what it was made from is gone."""


@pytest.mark.timeout(SECONDS + 120)
def test_a_long_call_keeps_its_memory(stack, drive: Drive, tmp_path: Path):
    audio, rate = soundfile.read(sample.AUDIO, dtype="float32", always_2d=True)
    path = tmp_path / "long.wav"
    soundfile.write(path, np.resize(audio, (SECONDS * SPEED * rate, 2)), rate, subtype="PCM_16")
    settings = {"format": {"sample_rate": rate, "channels": 2}, "events": ["speech_ended"]}
    with drive(stack.url, settings=settings, wav=str(path), speed=SPEED) as program:
        program.until("final")
        used: list[int] = []
        began = time.monotonic()
        for _ in range(8):
            while time.monotonic() - began < len(used) * (SECONDS - 4) / 8:
                program.until("partial", "final")
            program.do("memory")
            used.append(program.until("memory"))
        assert program.until("over") == {"state": "finished", "failure": None}
        assert len(program.all("final")) > SECONDS * SPEED / 20
        assert program.all("resumed") == []
    print(
        f"{SECONDS * SPEED} s of a call: {json.dumps([round(each / 1e6, 1) for each in used])} MB"
    )
    # The first ones hold what is compiled and pooled.
    assert max(used[4:]) - max(used[:4]) < MOST_GROWTH
