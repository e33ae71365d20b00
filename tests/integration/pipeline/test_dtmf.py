"""Tones of digits that a line carries as sound: nobody speaks there."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from common.audio import SAMPLE_RATE, FloatArray
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import FINALIZE, clip, config, converse, split
from vad_worker.framing import FRAME, energies
from vad_worker.tones import digits

pytestmark = pytest.mark.model_text

RATE = 8_000
KEYS = "123A456B789C*0#D"
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
FOX = "The quick brown fox jumps over the lazy dog."
ONSET = {"encoding": "mulaw", "sample_rate": RATE, "events": ["speech_started"]}


def silence(seconds: float) -> FloatArray:
    return np.zeros(round(seconds * RATE), np.float32)


def tone(key: str, seconds: float, level: float = 0.3, twist: float = 1.0) -> FloatArray:
    row, column = divmod(KEYS.index(key), 4)
    angles = 2 * np.pi * np.arange(round(seconds * RATE)) / RATE
    waves = np.sin(LOW[row] * angles) + twist * np.sin(HIGH[column] * angles)
    digit: FloatArray = (level * waves).astype(np.float32)
    return digit


def dialled(keys: str, seconds: float, pause: float, *levels: float) -> FloatArray:
    parts = [part for key in keys for part in (tone(key, seconds, *levels), silence(pause))]
    return np.concatenate([silence(0.7), *parts, silence(1.0)])


def mulaw(audio: FloatArray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.clip(audio, -1, 1), RATE, format="RAW", subtype="ULAW")
    return file.getvalue()


@pytest.mark.parametrize(
    ("seconds", "pause", "level", "twist", "hiss"),
    [
        (0.1, 0.1, 0.3, 1.0, 0.0),
        (0.2, 0.5, 0.3, 1.0, 0.0),
        (0.3, 0.5, 0.3, 1.0, 0.0),
        (2.0, 0.5, 0.3, 1.0, 0.0),
        (0.08, 0.05, 0.15, 0.5, 0.0),
        # Quiet and in hiss: to the model alone these are speech. The bundled recogniser writes "No,
        # no, no, no, no, no." for the second.
        (0.08, 0.1, 0.05, 0.5, 0.01),
        (0.08, 0.1, 0.05, 1.0, 0.01),
    ],
)
async def test_digits_are_no_speech(stack: RunningStack, seconds, pause, level, twist, hiss):
    line = np.random.default_rng(300)
    keys = "".join(line.permutation(list(KEYS)))
    audio = dialled(keys, seconds, pause, level, twist)
    audio += hiss * line.standard_normal(len(audio)).astype(np.float32)
    sent = split(mulaw(audio), 1_600)
    transcript = await converse(stack.url, config(**ONSET), *sent, FINALIZE)
    assert transcript.texts == []
    assert transcript.of("speech_started") == []


@pytest.mark.parametrize("near", [0.1, 1.0])
async def test_digits_between_sentences_leave_them_alone(stack: RunningStack, near):
    sentence: FloatArray = soxr.resample(clip("quick_brown_fox"), SAMPLE_RATE, RATE)
    number = [part for key in "5551234567" for part in (tone(key, 0.15), silence(0.1))]
    spoken = [silence(0.5), sentence, silence(near)]
    audio = np.concatenate([*spoken, *number, *spoken, silence(1.0)])
    sent = split(mulaw(audio), 1_600)
    transcript = await converse(stack.url, config(**ONSET), *sent, FINALIZE)
    assert " ".join(transcript.texts) == f"{FOX} {FOX}"


def test_no_speech_is_taken_for_digits(shared_speech: Path):
    for path in sorted(shared_speech.glob("*.wav")):
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        samples: FloatArray = soxr.resample(audio.mean(axis=1), rate, SAMPLE_RATE)
        samples = samples[: len(samples) // FRAME * FRAME]
        assert not digits(samples, energies(samples)).any(), path.name
