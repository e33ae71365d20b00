"""A caller who was shown words gets a final with words, whatever the real model makes of the rest.

The clips are words in noise. With the first, the model writes "Jump." of its beginning, and takes
the whole for silence.
"""

from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio

from asr_worker.actions import Decode, PublishFinal, PublishPartial
from asr_worker.api import EngineSettings
from asr_worker.engines import whisper
from asr_worker.engines.whisper import WhisperEngine
from asr_worker.utterance import Utterance
from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16
from common.bus.keys import Leg
from common.bus.wire import Chunk, StreamId
from common.options import SessionOptions
from common.pipeline.speech import Ended, SpeechEntry
from common.pipeline.trace import Decoding
from common.pipeline.work import UtteranceWork
from tests.integration.pipeline.calls import clip

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.model_text]

CLIPS = [
    ("quick_brown_fox", 891_046, -6.0, 0.6, 1.0978),
    ("quick_brown_fox", 1, -6.0, 0.6, 1.1),
    ("hello_world", 2, -6.0, 0.6, 0.3),
    ("hello_world", 3, -9.0, 0.8, 0.2),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[WhisperEngine]:
    engine = whisper.build(EngineSettings(threads=1))
    await engine.start()
    yield engine
    await engine.close()


def noisy(name: str, seed: int, snr: float, seconds: float, start: float) -> FloatArray:
    """Return a part of a clip in white noise, 0.3 s of which come first."""
    spoken = clip(name)[int(start * SAMPLE_RATE) : int((start + seconds) * SAMPLE_RATE)]
    random = np.random.default_rng(seed)
    noise = random.standard_normal(int((seconds + 1.1) * SAMPLE_RATE)).astype(np.float32)
    audio = noise * np.sqrt((spoken**2).mean()) * 10 ** (-snr / 20) * 0.6
    audio[4_800 : 4_800 + len(spoken)] += spoken
    clipped: FloatArray = np.clip(audio, -1, 1).astype(np.float32)
    return clipped


async def told(engine: WhisperEngine, audio: FloatArray, end: int) -> tuple[list[str], str]:
    """Return the partials and the final of an utterance that ends at a position."""
    work = UtteranceWork(
        utterance=1,
        start=0,
        source="audio",
        gateway="g",
        options=SessionOptions(language="English"),
        live=True,
    )
    utterance = Utterance(Leg("s", 0), work, committed=0, cadence=1_600)
    partials: list[str] = []
    final: str | None = None
    for position in range(1_600, len(audio), 1_600):
        pcm = float_to_pcm16(audio[position - 1_600 : position])
        utterance.feed([Chunk(position, pcm)])
        if position >= end > position - 1_600:
            ended = Ended(1, 0, end, position, "silence")
            utterance.feed([SpeechEntry(StreamId(position, 0), (ended,))])
        while actions := utterance.scheduler.due():
            for action in actions:
                match action:
                    case Decode(token=token):
                        heard = await engine.decode(utterance.request(action))
                        utterance.decoded(
                            token, heard, 0, Decoding(begun=0.0, ended=0.0, worker="w")
                        )
                    case PublishPartial(text=text):
                        partials.append(text)
                    case PublishFinal(hypothesis=hypothesis):
                        final = hypothesis.text
    assert final is not None
    return partials, final


@pytest.mark.parametrize(("name", "seed", "snr", "seconds", "start"), CLIPS)
async def test_after_a_partial_with_words_no_final_is_empty(
    engine, name, seed, snr, seconds, start
):
    audio = noisy(name, seed, snr, seconds, start)
    partials, final = await told(engine, audio, int((0.4 + seconds) * SAMPLE_RATE))
    assert bool(final) or not any(partials), (partials, final)
