import numpy as np
import pytest

from asr_worker.api import DecodeRequest, EngineSettings, Priority
from bench.dummies import TEXT, FixedTextEngine, LoudnessVad
from bench.load import _FRAMES
from common.audio import pcm16_to_float
from vad_worker.framing import FRAME

_HEADER = 2 + 2 + 4


@pytest.mark.parametrize("loud", [False, True])
def test_the_callers_frames_are_clearly_loud_or_quiet(loud):
    vad = LoudnessVad()
    audio = pcm16_to_float(_FRAMES[loud][_HEADER:])
    (probabilities,) = vad.run([(vad.open(), audio)])
    assert bool(probabilities[0] > 0.9) is loud
    assert bool(probabilities[0] < 0.1) is not loud


def test_each_leg_gets_the_probabilities_of_its_own_frames():
    vad = LoudnessVad()
    quiet, loud = np.zeros(FRAME, np.float32), np.full(FRAME, 0.3, np.float32)
    nothing = np.zeros(0, np.float32)
    legs = [(vad.open(), audio) for audio in (np.concatenate([quiet, loud]), nothing, loud)]
    assert [list(each > 0.5) for each in vad.run(legs)] == [[False, True], [], [True]]


async def test_every_utterance_has_the_same_text():
    engine = FixedTextEngine(EngineSettings(concurrency=3))
    audio = np.zeros(1000, np.float32)
    request = DecodeRequest(utterance="u", audio=audio, priority=Priority.FINAL)
    assert (await engine.decode(request)).text == TEXT
    assert engine.concurrency == 3
