"""Calls in several languages, with both of the bundled models."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
import soundfile
import soxr

from callscribe.local.stack import StackOptions, running_stack
from common.audio import SAMPLE_RATE, FloatArray
from tests.integration.pipeline.calls import (
    FINALIZE,
    Message,
    config,
    converse,
    messages,
    said,
)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.model_text]

FIVE = {
    "English": ("en/quick_brown_fox", "fox"),
    "French": ("fr/pangrama", "whisky"),
    "Italian": ("it/pangrama", "danni"),
    "Portuguese": ("pt/pangrama", "raposa"),
    "Spanish": ("es/conteo", "5"),
}


def recording(name: str) -> FloatArray:
    with (files("pytest_audioeval") / f"samples/audio/{name}.wav").open("rb") as file:
        audio, rate = soundfile.read(file, dtype="float32")
    return np.asarray(soxr.resample(audio, rate, SAMPLE_RATE), np.float32)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url() -> AsyncIterator[str]:
    options = StackOptions(
        counts={"vad": 1, "asr": 1},
        env={
            **os.environ,
            "CALLSCRIBE_PORT": "0",
            "CALLSCRIBE_HOST": "127.0.0.1",
            "CALLSCRIBE_ASR_LOAD": "0",
            "CALLSCRIBE_ASR_MULTILINGUAL": "true",
        },
        embedded_redis=True,
        echo=io.StringIO(),
    )
    async with running_stack(options) as stack:
        yield f"ws{stack.url.removeprefix('http')}/ws/asr"


async def heard(url: str, *names: str, **options: Any) -> list[Message]:
    """Return the finals of a call in which recordings are played one after the other."""
    spoken = [each for name in names for each in messages(said(recording(name), 1.5))]
    transcript = await converse(url, config(**options), *spoken, FINALIZE)
    return [each for each in transcript.finals if each["text"]]


async def test_a_call_is_heard_in_the_language_that_is_spoken(url: str):
    finals = await heard(url, "fr/pangrama", "es/conteo", "en/quick_brown_fox")
    languages = [each["language"] for each in finals]
    assert list(dict.fromkeys(languages)) == ["French", "Spanish", "English"]
    assert "fox" in finals[-1]["text"]
    assert all(0.5 < each["language_confidence"] <= 1 for each in finals)


async def test_calls_in_five_languages_at_once_are_each_heard_in_their_own(url: str):
    calls = [heard(url, name) for name, _ in FIVE.values()]
    for (language, (_, word)), finals in zip(
        FIVE.items(), await asyncio.gather(*calls), strict=True
    ):
        assert {each["language"] for each in finals} == {language}
        assert word in " ".join(each["text"] for each in finals).lower()


async def test_a_language_is_detected_among_those_that_a_call_names(url: str):
    (final,) = await heard(url, "it/pangrama", languages=["es", "fr"])
    assert final["language"] in ("Spanish", "French")
    (told,) = await heard(url, "it/pangrama", languages=["it"])
    assert told["language"] == "Italian"
    assert "language_confidence" not in told
