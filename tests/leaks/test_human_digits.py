"""Digits that a person says, over a telephone line, and the bundled recogniser: nothing is seen."""

import io
import random
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from asr_worker import engines
from asr_worker.api import DecodeRequest, Priority
from asr_worker.settings import AsrSettings
from asr_worker.spoken.rendering import rendered
from common.audio import SAMPLE_RATE, FloatArray
from tests.integration.pipeline.calls import clip
from tests.leaks.planted import Secret
from tests.leaks.search import Searcher

DIGITS = Path("/usr/share/asterisk/sounds/en_US_f_Allison/digits")
LINE = 8_000
KINDS = frozenset({"pci", "phone", "ssn"})
CALLS = 60

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.model_text,
    pytest.mark.skipif(not DIGITS.is_dir(), reason="Debian's asterisk-core-sounds-en-wav"),
]


def said(digit: str) -> FloatArray:
    audio, rate = soundfile.read(DIGITS / f"{digit}.wav", dtype="float32")
    assert rate == LINE
    loud = np.flatnonzero(np.abs(audio) > 0.01)
    trimmed: FloatArray = audio[loud[0] : loud[-1]]
    return trimmed


def pause(dice: random.Random, least: float, most: float) -> FloatArray:
    return np.zeros(round(LINE * dice.uniform(least, most)), np.float32)


def over_the_line(audio: FloatArray) -> FloatArray:
    """Bring audio at 8 kHz to 16 kHz by way of µ-law."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(audio, -1, 1), LINE, format="RAW", subtype="ULAW")
    file.seek(0)
    as_raw = {"samplerate": LINE, "channels": 1, "format": "RAW", "subtype": "ULAW"}
    narrow, _ = soundfile.read(file, dtype="float32", **as_raw)
    wide: FloatArray = soxr.resample(narrow, LINE, SAMPLE_RATE).astype(np.float32)
    return wide


def spoken(number: str, dice: random.Random) -> FloatArray:
    """Return a number between two sentences."""
    before, behind = (
        soxr.resample(clip(name), SAMPLE_RATE, LINE) for name in ("hello_world", "quick_brown_fox")
    )
    parts = [before, pause(dice, 0.2, 0.2)]
    for place, digit in enumerate(number, 1):
        wait = (0.05, 0.12) if place % 4 else (0.15, 0.35)
        parts += [said(digit), pause(dice, *wait)]
    return over_the_line(np.concatenate([*parts, behind]))


async def test_nothing_is_seen_of_numbers_that_a_person_says():
    engine = engines.build("whisper", engines.settings_of(AsrSettings(asr_multilingual=False)))
    await engine.start()
    dice = random.Random(3)
    heard = hidden = 0
    for call in range(CALLS):
        number = "".join(dice.choice("0123456789") for _ in range((16, 10, 9)[call % 3]))
        request = DecodeRequest(
            utterance="s.0/1",
            audio=spoken(number, dice),
            priority=Priority.FINAL,
            final=True,
            language="English",
        )
        text = (await engine.decode(request)).text
        search = Searcher([Secret("card", number)])
        if search.in_text(text):
            heard += 1
            hidden += not search.in_text(rendered(text, "engine", KINDS).text)
    await engine.close()
    assert heard >= 0.9 * CALLS
    assert hidden >= 0.98 * heard
