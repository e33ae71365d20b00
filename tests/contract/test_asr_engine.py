"""What every ASR engine must do. A new engine is one more entry in ENGINES."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from importlib.resources import as_file, files

import numpy as np
import pytest
import pytest_asyncio
import soundfile

from asr_worker.api import (
    DecodeRequest,
    Engine,
    EngineError,
    EngineSettings,
    Hypothesis,
    LanguageUnsupported,
    Priority,
)
from asr_worker.dispatch import Dispatcher
from asr_worker.engines import build
from common.audio import SAMPLE_RATE, FloatArray
from common.errors import PeerMisbehaved

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENGINES = {"whisper": EngineSettings(threads=1, concurrency=2)}


@pytest.fixture(scope="module", params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(engine_name: str) -> AsyncIterator[Engine]:
    engine = build(engine_name, ENGINES[engine_name])
    await engine.start()
    yield engine
    await engine.close()


def speech(name: str) -> FloatArray:
    with as_file(files("pytest_audioeval") / "samples" / "audio" / "en" / f"{name}.wav") as path:
        audio, rate = soundfile.read(path, dtype="float32")
    assert rate == SAMPLE_RATE
    return np.asarray(audio, dtype=np.float32)


FOX = speech("quick_brown_fox")
COUNTING = speech("counting")


def request(
    audio: FloatArray, priority: Priority = Priority.FINAL, **more: object
) -> DecodeRequest:
    final = priority is Priority.FINAL
    return DecodeRequest(utterance="u", audio=audio, priority=priority, final=final, **more)  # type: ignore[arg-type]


def heard(hypothesis: Hypothesis) -> list[str]:
    return re.findall(r"[a-z0-9]+", hypothesis.text.lower())


@pytest.mark.parametrize("priority", Priority)
async def test_speech_is_recognised(engine, priority):
    hypothesis = await engine.decode(request(FOX, priority))
    assert " ".join(heard(hypothesis)) == "the quick brown fox jumps over the lazy dog"
    assert hypothesis.text == hypothesis.text.strip()
    assert hypothesis.complete
    assert hypothesis.words is None


async def test_the_language_can_be_named_and_comes_back_by_name(engine):
    for language in (None, "English", "en"):
        assert (await engine.decode(request(FOX, language=language))).language == "English"


async def test_an_unknown_language_is_the_clients_error(engine):
    with pytest.raises(LanguageUnsupported, match="Klingon") as caught:
        await engine.decode(request(FOX, language="Klingon"))
    assert isinstance(caught.value, PeerMisbehaved)
    assert isinstance(caught.value, EngineError)


async def test_a_growing_utterance_continues_from_its_last_hypothesis(engine):
    previous = None
    for end in range(SAMPLE_RATE, len(FOX) + SAMPLE_RATE, SAMPLE_RATE):
        previous = await engine.decode(request(FOX[:end], Priority.REFRESH, previous=previous))
    final = await engine.decode(request(FOX, previous=previous))
    assert heard(final)[:4] == ["the", "quick", "brown", "fox"]


async def test_concurrent_decodes_do_not_mix(engine):
    answers = await asyncio.gather(
        *(engine.decode(request(audio)) for audio in [FOX, COUNTING] * 3)
    )
    for fox, counting in zip(answers[::2], answers[1::2], strict=True):
        assert "fox" in heard(fox)
        assert "fox" not in heard(counting)
        assert {answer.text for answer in answers[::2]} == {fox.text}
        assert {answer.text for answer in answers[1::2]} == {counting.text}


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.3, 2.0])
@pytest.mark.parametrize("level", [0.0, 1e-3])
async def test_near_silence_is_an_empty_hypothesis(engine, seconds, level):
    noise = np.random.default_rng(1).normal(0, level, int(seconds * SAMPLE_RATE))
    hypothesis = await engine.decode(request(noise.astype(np.float32), words=True))
    assert (hypothesis.text, hypothesis.words) == ("", ())


@pytest.mark.parametrize("lead", [0, SAMPLE_RATE])
async def test_words_are_in_order_inside_the_audio_and_say_the_text(engine, lead):
    audio = np.pad(FOX, (lead, 0))
    hypothesis = await engine.decode(request(audio, words=True))
    words = hypothesis.words
    assert " ".join(word.text for word in words) == hypothesis.text
    duration = len(audio) / SAMPLE_RATE
    times = [(word.start, word.end) for word in words]
    assert all(0 <= start <= end <= duration for start, end in times)
    assert times == sorted(times)
    assert all(0 <= word.probability <= 1 for word in words)
    assert times[-1][0] - times[0][0] > 1.0


async def test_the_audio_is_not_written_to(engine):
    audio = FOX.copy()
    audio.flags.writeable = False
    await engine.decode(request(audio, words=True))


async def test_cancelling_frees_the_place(engine):
    flood = [
        asyncio.create_task(engine.decode(request(FOX))) for _ in range(2 * engine.concurrency)
    ]
    await asyncio.sleep(0)
    for task in flood:
        task.cancel()
    results = await asyncio.gather(*flood, return_exceptions=True)
    assert {type(result) for result in results} == {asyncio.CancelledError}
    assert "fox" in heard(await engine.decode(request(FOX)))


async def test_a_final_overtakes_waiting_refreshes(engine):
    dispatcher = Dispatcher(engine, bound=99, patience=0.5, clock=time.monotonic)
    finished: list[Priority] = []

    async def decode(priority: Priority) -> None:
        await dispatcher.decode(request(FOX, priority))
        finished.append(priority)

    running = engine.concurrency
    refreshes = [asyncio.create_task(decode(Priority.REFRESH)) for _ in range(3 * running)]
    await asyncio.sleep(0)
    await asyncio.gather(decode(Priority.FINAL), *refreshes)
    assert Priority.FINAL in finished[: 2 * running]
    await dispatcher.close()


async def test_closing_is_safe_twice_and_unstarted(engine_name):
    engine = build(engine_name, ENGINES[engine_name])
    await engine.close()
    await engine.close()
    with pytest.raises(EngineError):
        await engine.decode(request(FOX))


async def test_a_model_that_is_not_there_is_one_clear_line(engine_name, tmp_path):
    for model in (str(tmp_path), "no-such-model"):
        engine = build(engine_name, EngineSettings(model=model))
        with pytest.raises(EngineError) as caught:
            await engine.start()
        assert model in str(caught.value)
        assert "\n" not in str(caught.value)
        await engine.close()
