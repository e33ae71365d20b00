"""What is to be heard in the recordings of calls."""

from collections.abc import Iterable
from pathlib import Path

import soundfile

from common.audio import SAMPLE_RATE
from tests.leaks.calls import Planted, Setup, script
from tests.leaks.tones import audible


def listened(call: Planted, setup: Setup, recordings: Path, sessions: Iterable[str]) -> list[str]:
    """Return the lines of a call as its recordings have them, "…" in place of what is muted."""
    heard = []
    for path in (path for session in sessions for path in recordings.glob(f"*/{session}.*.flac")):
        channel = int(path.suffixes[-2].removeprefix("."))
        audio, rate = soundfile.read(path, dtype="float32")
        assert rate == SAMPLE_RATE
        for start, where, text in script(call, setup):
            if where == channel:
                heard.append(audible(audio[start:], text))
    return heard
