"""A call in two languages, with both of the bundled models."""

import io
import os
from importlib.resources import files

import numpy as np
import pytest
import soundfile
import soxr

from callscribe.local.stack import StackOptions, running_stack
from common.audio import SAMPLE_RATE, FloatArray
from tests.integration.pipeline.calls import FINALIZE, config, line, messages, said

pytestmark = pytest.mark.model_text


def recording(name: str) -> FloatArray:
    with (files("pytest_audioeval") / f"samples/audio/{name}.wav").open("rb") as file:
        audio, rate = soundfile.read(file, dtype="float32")
    return np.asarray(soxr.resample(audio, rate, SAMPLE_RATE), np.float32)


async def test_a_call_is_heard_in_the_language_that_is_spoken():
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
    spoken = [recording(name) for name in ("fr/pangrama", "es/conteo", "en/quick_brown_fox")]
    async with (
        running_stack(options) as stack,
        line(f"ws{stack.url.removeprefix('http')}/ws/asr") as client,
    ):
        await client.say(config())
        for audio in spoken:
            await client.say(*messages(said(audio, 1.5)))
        await client.say(FINALIZE)
        transcript = await client.hear_out()
    finals = [each for each in transcript.of("final") if each["text"]]
    heard = [each["language"] for each in finals]
    assert list(dict.fromkeys(heard)) == ["French", "Spanish", "English"]
    assert "fox" in finals[-1]["text"]
