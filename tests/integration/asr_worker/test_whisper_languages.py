"""Whisper base beside tiny.en: other languages than English, told or found."""

import time
from collections.abc import AsyncIterator
from importlib.resources import files

import numpy as np
import pytest
import pytest_asyncio
import soundfile
import soxr

from asr_worker.api import (
    DecodeRequest,
    EngineSettings,
    Hypothesis,
    LanguageUnsupported,
    Priority,
    Spoken,
)
from asr_worker.dispatch import Dispatcher
from asr_worker.engines import whisper
from asr_worker.engines.whisper import WhisperEngine
from common.audio import SAMPLE_RATE, FloatArray

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.model_text]

RECORDINGS = {
    "English": ("en/quick_brown_fox", "fox"),
    "French": ("fr/pangrama", "whisky"),
    "Spanish": ("es/conteo", "5"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[WhisperEngine]:
    engine = whisper.build(EngineSettings(threads=1))
    await engine.start()
    yield engine
    await engine.close()


def recording(name: str) -> FloatArray:
    with (files("pytest_audioeval") / f"samples/audio/{name}.wav").open("rb") as file:
        audio, rate = soundfile.read(file, dtype="float32")
    return np.asarray(soxr.resample(audio, rate, SAMPLE_RATE), np.float32)


async def heard(engine: WhisperEngine, name: str, **more: object) -> Hypothesis:
    return await engine.decode(
        DecodeRequest(
            utterance="u",
            audio=recording(name),
            priority=Priority.FINAL,
            final=True,
            **more,  # type: ignore[arg-type]
        )
    )


async def test_the_cost_of_a_final_is_that_of_the_model_that_most_have(
    engine: WhisperEngine, monkeypatch
):
    asked: list[bool] = []
    generate = whisper._Recogniser.generate

    def noted(recogniser, alike):
        asked.extend(clip.model.multilingual for clip in alike)
        generate(recogniser, alike)

    monkeypatch.setattr(whisper._Recogniser, "generate", noted)
    dispatcher = Dispatcher(engine, bound=1, patience=0.5, clock=time.monotonic)
    await dispatcher.calibrate()
    await dispatcher.close()
    assert set(asked) == {False}
    assert dispatcher.meter.idle > 0.0


@pytest.mark.parametrize("language", RECORDINGS)
async def test_the_language_of_speech_is_found(engine: WhisperEngine, language: str):
    name, word = RECORDINGS[language]
    found = await heard(engine, name)
    assert found.language == language
    assert word in found.text.lower()


async def test_a_call_goes_on_in_its_language_until_another_is_spoken(engine: WhisperEngine):
    name, word = RECORDINGS["Spanish"]
    likely = Spoken("Spanish", 0.9)
    assert word in (await heard(engine, name, likely=likely)).text.lower()
    switched = await heard(engine, RECORDINGS["English"][0], likely=likely)
    assert switched.language == "English"


async def test_a_final_looks_again_where_the_language_was_not_sure(engine: WhisperEngine):
    name, _ = RECORDINGS["Spanish"]
    kept = await heard(engine, name, likely=Spoken("Spanish", 0.9))
    assert kept.language_confidence == 0.9
    looked = await heard(engine, name, likely=Spoken("Spanish", 0.4))
    assert looked.language == "Spanish"
    assert looked.language_confidence is not None
    assert looked.language_confidence > 0.8


async def test_a_language_is_found_among_some(engine: WhisperEngine):
    name, _ = RECORDINGS["Spanish"]
    one_of = await heard(engine, name, languages=("French", "Spanish"))
    assert one_of.language == "Spanish"
    other = await heard(engine, name, languages=("French", "German"), likely=Spoken("Spanish", 0.9))
    assert other.language in ("French", "German")
    only = await heard(engine, name, languages=("Spanish", "Quenya"))
    assert (only.language, only.language_confidence) == ("Spanish", None)
    with pytest.raises(LanguageUnsupported, match="Quenya"):
        await heard(engine, name, languages=("Quenya",))


async def test_how_sure_english_is_follows_from_its_text(engine: WhisperEngine):
    english = await heard(engine, RECORDINGS["English"][0])
    assert english.language_confidence is not None
    assert english.language_confidence > 0.8


async def test_a_language_that_is_told_is_not_looked_for(engine: WhisperEngine):
    told = await heard(engine, RECORDINGS["French"][0], language="fr", words=True)
    assert told.language == "French"
    assert told.words
    assert told.words[-1].text.lower() in told.text.lower()
