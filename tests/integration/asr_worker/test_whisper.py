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
import soxr

from asr_worker.api import (
    DecodeFailed,
    DecodeRequest,
    EngineSettings,
    Hypothesis,
    LanguageUnsupported,
    Priority,
)
from asr_worker.engines import whisper
from asr_worker.engines.whisper import WhisperEngine
from asr_worker.whisper.windows import FULL, Window
from bench.speech import SPOKEN
from callscribe import sample
from common.audio import SAMPLE_RATE, FloatArray
from common.pipeline.speech import Ended
from tests import margins
from vad_worker.endpointer import Endpointer, EndpointerParams
from vad_worker.framing import FRAME, energies
from vad_worker.model import SileroVad

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.model_text]


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
    return [*clips, (load(shared_speech / "harvard_16k.wav"), SPOKEN["harvard_16k"])]


@pytest.fixture(scope="module")
def inaugural(shared_speech: Path) -> FloatArray:
    return channels(shared_speech / "jfk.flac")[0]


@pytest.fixture(scope="module")
def everything(corpus, inaugural, shared_speech: Path) -> list[tuple[FloatArray, str]]:
    """Add a noisy hall, a telephone recording and both channels of the sample call."""
    telephone = channels(shared_speech / "osr_8k.wav")[0]
    call = zip(channels(sample.AUDIO), sample.references(), strict=True)
    return [*corpus, (inaugural, SPOKEN["jfk"]), (telephone, SPOKEN["osr_8k"]), *call]


def channels(path: Path) -> list[FloatArray]:
    audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return [soxr.resample(channel, rate, SAMPLE_RATE) for channel in audio.T]


def utterances(vad: SileroVad, audio: FloatArray, silence: int) -> list[FloatArray]:
    """Cut as the pipeline does."""
    frames = audio[: len(audio) // FRAME * FRAME]
    probabilities = vad.run([vad.open()], [len(frames) // FRAME], frames)
    endpointer = Endpointer(EndpointerParams(silence=silence))
    events = [
        event
        for probability, energy in zip(probabilities, energies(frames), strict=True)
        for event in endpointer.push(float(probability), float(energy))
    ]
    events += endpointer.finish(len(audio))
    return [audio[event.start : event.end] for event in events if isinstance(event, Ended)]


def said_twice(text: str) -> bool:
    """Whether three words or more are repeated at once."""
    return re.search(r"\b(\w+(?: \w+){2,}) \1\b", normal(text)) is not None


def normal(text: str) -> str:
    text = text.lower().replace("mr.", "mister").replace("-", " ")
    return " ".join(re.findall(r"[a-z']+", text))


def words_wrong(references: list[str], hypotheses: list[str]) -> int:
    """How many words are others, missing or too many."""
    counts = jiwer.process_words(
        [normal(text) for text in references], [normal(text) for text in hypotheses]
    )
    return int(counts.substitutions + counts.deletions + counts.insertions)


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
    monkeypatch.setattr(whisper, "attempts", lambda frames, final: [Window(FULL, FULL)])
    full = [(await decode(engine, audio, final=final)).text for audio, _ in corpus]
    worse = words_wrong(references, short) - words_wrong(references, full)
    assert words_wrong(references, full) <= margins.READ_ALOUD_WRONG[final]
    assert worse <= margins.SHORT_WINDOWS[final]


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("cut", [(0.05, 2.2), (0.05, 2.34), (0.052, 2.5), (0.05, 2.8), (0.0, 3.0)])
async def test_a_short_utterance_is_not_said_twice(engine, inaugural, cut, final):
    start, end = (round(second * SAMPLE_RATE) for second in cut)
    text = (await decode(engine, inaugural[start:end], final=final)).text
    assert not said_twice(text)
    # The shortest cut leaves the last sound out.
    whole = re.sub("american$", "americans", normal(text))
    assert words_wrong(["and so my fellow americans"], [whole]) <= margins.SHORT_UTTERANCE


async def test_what_was_said_twice_is_heard_twice(engine, inaugural):
    once = inaugural[: round(2.34 * SAMPLE_RATE)]
    text = (await decode(engine, np.concatenate([once, once]))).text
    twice = "and so my fellow americans and so my fellow americans"
    assert words_wrong([twice], [text]) <= margins.SAME


@pytest.mark.parametrize("silence", [12_800, 6_400])
async def test_utterances_cut_by_the_vad_cost_few_words(engine, everything, silence):
    vad = SileroVad()
    references = [reference for _, reference in everything]
    whole = [(await decode(engine, audio)).text for audio, _ in everything]
    cut = []
    for audio, _ in everything:
        texts = [
            (await decode(engine, utterance)).text for utterance in utterances(vad, audio, silence)
        ]
        assert not [text for text in texts if said_twice(text)]
        cut.append(" ".join(texts))
    offline, streamed = words_wrong(references, whole), words_wrong(references, cut)
    print(f"words wrong: whole files {offline}, utterances {streamed}")
    assert streamed <= offline + margins.CUT_BY_THE_VAD[silence]


async def test_decoded_together_each_says_what_it_says_alone(engine, corpus):
    clips = [audio for audio, _ in corpus]
    requests = [
        DecodeRequest(utterance="u", audio=audio, priority=Priority.FINAL, final=True, words=words)
        for audio, words in zip([*clips, np.concatenate(clips)], [False, True] * 4, strict=False)
    ]
    klingon = DecodeRequest(
        utterance="u", audio=clips[0], priority=Priority.FINAL, final=True, language="Klingon"
    )
    alone = [await engine.decode(request) for request in requests]
    *together, refused = await engine.decode_together([*requests, klingon])
    assert together == alone
    assert isinstance(refused, LanguageUnsupported)


async def test_an_utterance_beyond_thirty_seconds_is_heard_to_its_end(engine, corpus):
    audio = np.concatenate([audio for audio, _ in corpus])
    reference = " ".join(reference for _, reference in corpus)
    assert len(audio) > 40 * 16_000
    hypothesis = await decode(engine, audio, words=True)
    assert words_wrong([reference], [hypothesis.text]) <= margins.READ_ALOUD_WRONG[True]
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
    engine = whisper.build(EngineSettings(threads=1, concurrency=1))
    await engine.start()
    audio, _ = corpus[-1]
    tasks = [asyncio.create_task(decode(engine, audio)) for _ in range(3)]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while engine._pool._work_queue.qsize() > 2:  # until the first one runs
            await asyncio.sleep(0.001)
    await engine.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [DecodeFailed] * 3


async def test_a_long_decode_lets_others_pass_between_its_steps(engine, corpus):
    """Encoding and writing are steps, so that no decode of one window holds its thread for all."""
    audio = np.concatenate([audio for audio, _ in corpus])[: 25 * SAMPLE_RATE]
    long = DecodeRequest(utterance="long", audio=audio, priority=Priority.FINAL, final=True)
    passed: list[str] = []

    async def between() -> None:
        short = await decode(engine, corpus[0][0][: 3 * SAMPLE_RATE], final=False)
        passed.append(short.text)

    (stepwise,) = await engine.decode_together([long], between)
    assert stepwise == await engine.decode(long)
    assert len(passed) >= 2
    assert len(set(passed)) == 1


async def test_given_up_between_two_steps_it_takes_no_more(engine, corpus):
    """The engine is free for others afterwards."""
    audio, _ = corpus[-1]
    resting = asyncio.Event()

    async def between() -> None:
        resting.set()
        await asyncio.Event().wait()

    long = DecodeRequest(utterance="long", audio=audio, priority=Priority.FINAL, final=True)
    decoding = asyncio.create_task(engine.decode_together([long], between))
    await resting.wait()
    decoding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await decoding
    assert (await decode(engine, audio)).text


async def test_windows_of_different_lengths_are_not_written_together(engine, corpus):
    short, long = (
        DecodeRequest(
            utterance="u", audio=np.zeros(n * SAMPLE_RATE, np.float32), priority=Priority.FINAL
        )
        for n in (3, 25)
    )
    assert engine.likeness(short) != engine.likeness(long)
