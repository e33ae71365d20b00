"""Prompts that turn in circles, with the real model: they do not take over what is said."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from asr_worker.actions import Decode, Kind
from asr_worker.api import EngineSettings, Priority
from asr_worker.clauses import Clause
from asr_worker.engines import whisper
from asr_worker.engines.whisper import WhisperEngine
from asr_worker.utterance import Utterance
from common.audio import float_to_pcm16
from common.bus.keys import Leg
from common.bus.wire import Chunk
from common.options import SessionOptions
from common.pipeline.work import UtteranceWork
from tests.integration.pipeline.calls import clip, said

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.model_text]

AUDIO = said(0.3, clip("quick_brown_fox"), 0.3)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[WhisperEngine]:
    engine = whisper.build(EngineSettings(threads=1))
    await engine.start()
    yield engine
    await engine.close()


async def heard(engine: WhisperEngine, **options: object) -> str:
    """Return the final of an utterance of a call with these options."""
    work = UtteranceWork(
        utterance=1,
        start=0,
        source="audio",
        gateway="g",
        options=SessionOptions(language="English", **options),  # type: ignore[arg-type]
        live=True,
    )
    utterance = Utterance(Leg("s", 0), work, committed=0, cadence=8_000)
    utterance.feed([Chunk(len(AUDIO), float_to_pcm16(AUDIO))])
    whole = Clause((), 0, len(AUDIO))
    request = utterance.request(Decode(0, whole, Priority.FINAL, Kind.FINAL, None, None))
    return (await engine.decode(request)).text.lower()


@pytest.mark.parametrize(
    "prompt", ["0 " * 100, "Acme, " * 40, "é" * 100, "Thank you. " * 30], ids=len
)
async def test_a_prompt_that_turns_in_circles_changes_nothing(engine, prompt):
    plain = await heard(engine)
    assert "quick brown fox" in plain
    assert "quick brown fox" in await heard(engine, context=prompt)
    listed = tuple(prompt.split()[:100])
    assert "quick brown fox" in await heard(engine, keywords=listed)
