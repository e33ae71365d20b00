"""faster-whisper with the bundled tiny.en on real speech: no word is lost to short windows."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import jiwer
import numpy as np
import pytest
import pytest_asyncio
import soundfile

from asr_worker.api import DecodeFailed, DecodeRequest, EngineSettings, Hypothesis, Priority
from asr_worker.engines import whisper
from asr_worker.engines.whisper import WhisperEngine
from common.audio import FloatArray

pytestmark = pytest.mark.asyncio(loop_scope="module")

SENTENCES = """The stale smell of old beer lingers. It takes heat to bring out the odor. A cold dip
restores health and zest. A salt pickle tastes fine with ham. Tacos al pastor are my favorite. A
zestful food is the hot cross bun."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[WhisperEngine]:
    engine = whisper.build(EngineSettings(threads=1))
    await engine.start()
    yield engine
    await engine.close()


def load(path: Path) -> FloatArray:
    audio, rate = soundfile.read(path, dtype="float32")
    assert rate == 16_000
    return np.asarray(audio, dtype=np.float32)


@pytest.fixture(scope="module")
def corpus(shared_speech: Path) -> list[tuple[FloatArray, str]]:
    texts = sorted(shared_speech.glob("librivox_*.txt"))
    clips = [(load(path.with_suffix(".wav")), path.read_text()) for path in texts]
    return [*clips, (load(shared_speech / "harvard_16k.wav"), SENTENCES)]


def normal(text: str) -> str:
    text = text.lower().replace("mr.", "mister").replace("-", " ")
    return " ".join(re.findall(r"[a-z']+", text))


def word_error_rate(references: list[str], hypotheses: list[str]) -> float:
    rate = jiwer.wer([normal(text) for text in references], [normal(text) for text in hypotheses])
    assert isinstance(rate, float)
    return rate


async def decode(
    engine: WhisperEngine, audio: FloatArray, *, final: bool = True, **more: object
) -> Hypothesis:
    request = DecodeRequest(
        utterance="u",
        audio=audio,
        priority=Priority.FINAL,
        final=final,
        **more,  # type: ignore[arg-type]
    )
    return await engine.decode(request)


@pytest.mark.parametrize("final", [False, True])
async def test_short_windows_lose_nothing_against_full_ones(engine, corpus, final, monkeypatch):
    references = [reference for _, reference in corpus]
    short = [(await decode(engine, audio, final=final)).text for audio, _ in corpus]
    monkeypatch.setattr(whisper, "_MARGIN", 3000)
    full = [(await decode(engine, audio, final=final)).text for audio, _ in corpus]
    assert word_error_rate(references, short) <= 0.06
    assert word_error_rate(references, short) <= word_error_rate(references, full) + 0.01


async def test_an_utterance_beyond_thirty_seconds_is_heard_to_its_end(engine, corpus):
    audio = np.concatenate([audio for audio, _ in corpus])
    reference = " ".join(reference for _, reference in corpus)
    assert len(audio) > 40 * 16_000
    hypothesis = await decode(engine, audio, words=True)
    assert word_error_rate([reference], [hypothesis.text]) <= 0.06
    assert hypothesis.words is not None
    assert " ".join(word.text for word in hypothesis.words) == hypothesis.text
    starts = [word.start for word in hypothesis.words]
    assert starts == sorted(starts)
    assert len(audio) / 16_000 - 2 < hypothesis.words[-1].end <= len(audio) / 16_000


async def test_noise_is_not_speech(engine, shared_speech):
    audio, rate = soundfile.read(shared_speech / "noise_48k.wav", dtype="float32")
    assert rate == 48_000
    noise = np.convolve(audio, np.ones(3, np.float32) / 3, mode="same")[::3]
    for seconds in (0.5, 1, 2, 4):
        for final in (False, True):
            assert (await decode(engine, noise[: int(seconds * 16_000)], final=final)).text == ""


async def test_a_runaway_decode_is_cut_and_called_incomplete(engine, corpus):
    audio, _ = corpus[-1]
    short = whisper.build(EngineSettings(threads=1, max_new_tokens=8))
    await short.start()
    hypothesis = await decode(short, audio)
    await short.close()
    assert not hypothesis.complete
    assert 3 <= len(hypothesis.text.split()) <= 8


async def test_keywords_and_context_steer_the_spelling(engine, corpus):
    audio, _ = corpus[1]
    plain = await decode(engine, audio)
    steered = await decode(engine, audio, context="ill-disposed", keywords=("ill-disposed",))
    assert "ill-disposed" not in plain.text
    assert "ill-disposed" in steered.text


async def test_closing_fails_what_waits(corpus):
    engine = whisper.build(EngineSettings(threads=1))
    await engine.start()
    audio, _ = corpus[-1]
    tasks = [asyncio.create_task(decode(engine, audio)) for _ in range(3)]
    await asyncio.sleep(0)
    await engine.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[0], Hypothesis)
    assert [type(result) for result in results[1:]] == [DecodeFailed, DecodeFailed]
