"""What every ASR engine must do. A new engine is one more entry in CANDIDATES."""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

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
from tests.vllm import tiny

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # vLLM and what it stands on warn of themselves.
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(300),
    pytest.mark.model_text,
]


@dataclass(frozen=True)
class Candidate:
    """An engine and what its model is good for."""

    name: str
    settings: Callable[[Path], EngineSettings]
    """Made from an empty folder, for an engine that needs its model written first."""
    needs: str
    """The library it runs on."""
    trained: bool
    """Its model knows English: what it hears can be compared with what was said."""
    times_words: bool


def tiny_qwen(folder: Path) -> EngineSettings:
    os.environ.update(tiny.ENVIRONMENT)
    model = str(tiny.write_recogniser(folder))
    # No random answer ends by itself; its length is not what is tested.
    more = {"max_new_tokens": 8, "vllm_options": tiny.OPTIONS}
    return EngineSettings(model=model, device="cpu", **more)  # type: ignore[arg-type]


CANDIDATES = [
    Candidate(
        "whisper",
        lambda folder: EngineSettings(concurrency=2),
        needs="faster_whisper",
        trained=True,
        times_words=True,
    ),
    Candidate(
        "moonshine",
        lambda folder: EngineSettings(concurrency=2),
        needs="moonshine_cpp",
        trained=True,
        times_words=True,
    ),
    # In an environment of its own (make test-vllm), on random weights.
    Candidate("vllm", tiny_qwen, needs="vllm", trained=False, times_words=False),
]


@pytest.fixture(scope="module", params=CANDIDATES, ids=lambda candidate: candidate.name)
def candidate(request: pytest.FixtureRequest) -> Candidate:
    candidate: Candidate = request.param
    if find_spec(candidate.needs) is None:
        pytest.skip(f"{candidate.needs} is not installed here")
    return candidate


@pytest.fixture(scope="module")
def settings(candidate: Candidate, tmp_path_factory: pytest.TempPathFactory) -> EngineSettings:
    return candidate.settings(tmp_path_factory.mktemp(candidate.name))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(candidate: Candidate, settings: EngineSettings) -> AsyncIterator[Engine]:
    engine = build(candidate.name, settings)
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture
def trained(candidate: Candidate) -> None:
    if not candidate.trained:
        pytest.skip("random weights recognise nothing")


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


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("priority", Priority)
async def test_speech_is_recognised(engine, priority):
    hypothesis = await engine.decode(request(FOX, priority))
    assert " ".join(heard(hypothesis)) == "the quick brown fox jumps over the lazy dog"
    assert hypothesis.complete
    assert hypothesis.language == "English"


@pytest.mark.parametrize("priority", Priority)
async def test_the_same_audio_gives_the_same_stripped_text_without_words(engine, priority):
    first, second = [await engine.decode(request(FOX, priority)) for _ in range(2)]
    assert first == second
    assert first.text == first.text.strip()
    assert first.words is None


async def test_the_language_can_be_named_and_comes_back_by_name(engine):
    for language in ("English", "en", "EN"):
        assert (await engine.decode(request(FOX, language=language))).language == "English"


async def test_an_unknown_language_is_the_clients_error(engine):
    with pytest.raises(LanguageUnsupported, match="Klingon") as caught:
        await engine.decode(request(FOX, language="Klingon"))
    assert isinstance(caught.value, PeerMisbehaved)
    assert isinstance(caught.value, EngineError)


async def test_a_final_does_not_depend_on_the_partials_before_it(engine):
    previous = None
    for end in range(SAMPLE_RATE, len(FOX) + SAMPLE_RATE, SAMPLE_RATE):
        previous = await engine.decode(
            request(FOX[:end], Priority.REFRESH, previous=previous, unfixed_s=1.0)
        )
    final = await engine.decode(request(FOX, previous=previous))
    assert final == await engine.decode(request(FOX))


async def test_concurrent_decodes_do_not_mix(engine):
    alone = [await engine.decode(request(audio)) for audio in (FOX, COUNTING)]
    answers = await asyncio.gather(
        *(engine.decode(request(audio)) for audio in [FOX, COUNTING] * 3)
    )
    assert {answer.text for answer in answers[::2]} == {alone[0].text}
    assert {answer.text for answer in answers[1::2]} == {alone[1].text}
    assert alone[0].text != alone[1].text


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.3, 2.0])
@pytest.mark.parametrize("level", [0.0, 1e-3])
async def test_near_silence_is_an_empty_hypothesis(engine, seconds, level):
    noise = np.random.default_rng(1).normal(0, level, int(seconds * SAMPLE_RATE))
    hypothesis = await engine.decode(request(noise.astype(np.float32), words=True))
    assert (hypothesis.text, hypothesis.words) == ("", ())


async def test_no_audio_is_an_empty_hypothesis(engine):
    assert (await engine.decode(request(FOX[:0]))).text == ""


@pytest.mark.parametrize("lead", [0, SAMPLE_RATE])
async def test_words_are_in_order_inside_the_audio_and_say_the_text(engine, candidate, lead):
    if not candidate.times_words:
        assert (await engine.decode(request(FOX, words=True))).words is None
        return
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


@pytest.mark.usefixtures("trained")
async def test_a_mark_is_surer_behind_a_sentence_than_within_it(engine):
    said = await engine.decode(request(FOX, mark=True))
    assert said.text.endswith(".")
    assert 0.5 < said.mark <= 1
    within = await engine.decode(request(FOX[: SAMPLE_RATE * 7 // 5], mark=True))
    assert within.mark is None or within.mark < said.mark
    assert (await engine.decode(request(FOX))).mark is None
    assert (await engine.decode(request(FOX, words=True, mark=True))).mark == said.mark


async def test_what_has_no_mark_has_no_probability_of_it(engine):
    assert (await engine.decode(request(FOX[:0], mark=True))).mark is None


async def test_the_audio_is_not_written_to(engine):
    audio = FOX.copy()
    audio.flags.writeable = False
    await engine.decode(request(audio, words=True))


async def test_cancelling_frees_the_place(engine):
    before = await engine.decode(request(FOX))
    flood = [
        asyncio.create_task(engine.decode(request(FOX))) for _ in range(2 * engine.concurrency)
    ]
    await asyncio.sleep(0)
    for task in flood:
        task.cancel()
    results = await asyncio.gather(*flood, return_exceptions=True)
    assert {type(result) for result in results} == {asyncio.CancelledError}
    assert await engine.decode(request(FOX)) == before


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


async def test_closing_is_safe_twice_and_unstarted(candidate, settings):
    engine = build(candidate.name, settings)
    await engine.close()
    await engine.close()
    with pytest.raises(EngineError):
        await engine.decode(request(FOX))


async def test_a_model_that_is_not_there_is_one_clear_line(candidate, settings, tmp_path):
    for model in (str(tmp_path), "no-such-model"):
        engine = build(candidate.name, replace(settings, model=model))
        with pytest.raises(EngineError) as caught:
            await engine.start()
        assert model in str(caught.value)
        assert "\n" not in str(caught.value)
        await engine.close()
