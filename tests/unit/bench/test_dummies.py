import numpy as np
import pytest

from asr_worker.api import DecodeRequest, EngineSettings, Priority
from bench.dummies import TEXT, FixedTextEngine, LoudnessVad
from bench.load import Pattern
from common.audio import pcm16_to_float
from vad_worker.framing import FRAME

_HEADER = 2 + 2 + 4


@pytest.mark.parametrize("loud", [False, True])
def test_the_callers_frames_are_clearly_loud_or_quiet(loud):
    vad = LoudnessVad()
    pattern = Pattern()
    message = pattern.messages[0 if loud else pattern.loud]
    audio = pcm16_to_float(message[_HEADER:])
    probabilities = vad.run([vad.open()], [1], audio)
    assert bool(probabilities[0] > 0.9) is loud
    assert bool(probabilities[0] < 0.1) is not loud


def test_each_leg_gets_the_probabilities_of_its_own_frames():
    vad = LoudnessVad()
    quiet, loud = np.zeros(FRAME, np.float32), np.full(FRAME, 0.3, np.float32)
    states = [vad.open() for _ in range(3)]
    probabilities = vad.run(states, [2, 0, 1], np.concatenate([quiet, loud, loud]))
    assert list(probabilities > 0.5) == [False, True, True]


async def test_every_utterance_has_the_same_text():
    engine = FixedTextEngine(EngineSettings(concurrency=3))
    audio = np.zeros(1000, np.float32)
    request = DecodeRequest(utterance="u", audio=audio, priority=Priority.FINAL)
    assert (await engine.decode(request)).text == TEXT
    assert engine.concurrency == 3
