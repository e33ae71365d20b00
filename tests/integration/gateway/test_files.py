"""Files through the real stack: real speech, rude clients, and the examples of the documents."""

import asyncio
import io
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from callscribe import sample
from callscribe.loadtest.scoring import word_errors
from common.audio import FloatArray
from tests.integration.callscribe.processes import until
from tests.integration.conftest import RunningStack
from tests.integration.gateway.conftest import status
from tests.integration.pipeline.calls import (
    FINALIZE,
    clip,
    config,
    converse,
    line,
    messages,
    said,
    sample_call,
    split,
)
from tests.integration.pipeline.services import Service, service
from tests.unit.gateway.files.recordings import file

pytestmark = pytest.mark.usefixtures("unharmed")

DOCUMENT = Path(__file__).parents[3] / "docs" / "protocols" / "files.md"
SPOKEN = ("quick_brown_fox", "quick_brown_fox")
WORDS = "the quick brown fox jumps over the lazy dog"
FORMATS = ("json", "text", "srt", "vtt", "verbose_json", "diarized_json")


def encoded(
    audio: FloatArray, rate: int, container: str = "wav", codec: str = "pcm_s16le"
) -> bytes:
    """Encode float32 [n] or [n, channels]."""
    samples = np.rint(audio.reshape(len(audio), -1) * 32_767).astype(np.int16)
    return file(samples, rate, container, codec)


def sentences() -> FloatArray:
    """Two sentences, float32 [n] at 16 kHz."""
    return said(0.5, clip(SPOKEN[0]), 1.5, clip(SPOKEN[1]), 0.5)


async def post(port: int, path: str, data: Any) -> tuple[int, bytes, Any]:
    """Send a request; return status, body and headers."""
    body = io.BytesIO(data) if isinstance(data, bytes) else data
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}{path}", data=body) as answer,
    ):
        return answer.status, await answer.read(), answer.headers


async def transcribe(port: int, data: bytes, **fields: str) -> tuple[int, bytes]:
    """Send a file as OpenAI's clients do."""
    form = aiohttp.FormData(fields)
    form.add_field("file", data, filename="call.wav")
    answered, body, _ = await post(port, "/v1/audio/transcriptions", form)
    return answered, body


@pytest.fixture(scope="module")
def small(stack: RunningStack) -> Iterator[Service]:
    """A gateway of the stack that takes little."""
    limits = ("--max-files", "1", "--max-upload-bytes", "2000000", "--max-file-s", "20")
    with service("gateway", stack.redis_url, *limits) as running:
        running.wait_ready()
        yield running


async def test_a_stereo_call_is_heard_as_when_it_was_live(stack: RunningStack):
    call = sample_call()
    live = await converse(
        stack.url,
        config(sample_rate=8_000, channels=2, interim_results=False),
        *split(np.rint(call * 32_767).astype("<i2").tobytes(), 3_200),
        FINALIZE,
    )
    path = "/v1/listen?multichannel=true&utterances=true"
    answered, body, _ = await post(stack.port, path, encoded(call, 8_000))
    assert answered == 200
    results = json.loads(body)["results"]
    found = [channel["alternatives"][0]["transcript"] for channel in results["channels"]]
    texts = [
        " ".join(text for (leg, _), text in sorted(live.by_utterance().items()) if leg == channel)
        for channel in (0, 1)
    ]
    assert [text.split() for text in found] == [text.split() for text in texts]
    starts = [each["start"] for each in results["utterances"]]
    assert starts == sorted(starts)
    wrong, words = word_errors(sample.references(), found)
    assert wrong / words < 0.15


@pytest.mark.parametrize(
    ("rate", "container", "codec"),
    [
        (16_000, "wav", "pcm_s16le"),
        (16_000, "flac", "flac"),
        (48_000, "ogg", "libopus"),
        (44_100, "mp3", "mp3"),
        (44_100, "ipod", "aac"),
    ],
)
async def test_every_kind_of_file_is_heard(stack: RunningStack, rate, container, codec):
    speech = sentences()
    times = np.arange(round(len(speech) * rate / 16_000)) * 16_000 / rate
    resampled = np.interp(times, np.arange(len(speech)), speech).astype(np.float32)
    answered, body = await transcribe(stack.port, encoded(resampled, rate, container, codec))
    assert answered == 200
    wrong, words = word_errors([f"{WORDS} {WORDS}"], [json.loads(body)["text"]])
    assert wrong <= 2, f"{wrong} of {words}: {body!r}"


async def test_a_file_at_16_khz_has_the_words_of_the_live_call(stack: RunningStack):
    live = await converse(stack.url, config(), *messages(sentences()), FINALIZE, pace=0.1)
    answered, body = await transcribe(stack.port, encoded(sentences(), 16_000))
    assert answered == 200
    assert json.loads(body)["text"] == " ".join(live.texts)


async def test_each_format_tells_the_same(stack: RunningStack):
    data = encoded(sentences(), 16_000)
    answers = [await transcribe(stack.port, data, response_format=form) for form in FORMATS]
    assert {answered for answered, _ in answers} == {200}
    plain, text, srt, vtt, verbose, diarized = (body.decode() for _, body in answers)
    whole = json.loads(plain)["text"]
    assert text == f"{whole}\n"
    assert " ".join(re.findall(r"^[A-Za-z].*$", srt, re.MULTILINE)) == whole
    assert vtt.startswith("WEBVTT\n\n00:00:0")
    for told in (verbose, diarized):
        segments = json.loads(told)["segments"]
        assert " ".join(segment["text"] for segment in segments) == whole
        assert len(segments) == 2
    assert [segment["speaker"] for segment in segments] == ["A", "A"]


async def test_a_stream_tells_each_utterance_when_it_is_known(stack: RunningStack):
    answered, body = await transcribe(stack.port, encoded(sentences(), 16_000), stream="true")
    assert answered == 200
    events = [json.loads(line[6:]) for line in body.decode().split("\n\n") if line]
    assert [each["type"] for each in events] == [
        *["transcript.text.delta"] * 2,
        "transcript.text.done",
    ]
    assert "".join(each["delta"] for each in events[:2]) == events[2]["text"]


async def test_silence_has_no_text(stack: RunningStack):
    answered, body, _ = await post(stack.port, "/transcribe", encoded(said(3), 16_000))
    assert answered == 200
    assert json.loads(body) == {"text": "", "words": [], "language": None, "duration": 3.0}


UNKNOWN = (
    "language 'German': this model knows English only; --asr-multilingual and the extra"
    " asr-languages add 98 more"
)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v1/audio/transcriptions", lambda told: told["error"]["message"]),
        ("/v1/listen?language=de", lambda told: told["err_msg"]),
        ("/transcribe?language=de", lambda told: told["message"]),
    ],
)
async def test_a_file_of_which_nothing_was_recognised_is_refused_with_the_reason(
    stack: RunningStack, path, message
):
    data = encoded(sentences(), 16_000)
    if path == "/v1/audio/transcriptions":
        answered, body = await transcribe(stack.port, data, language="de")
    else:
        answered, body, _ = await post(stack.port, path, data)
    assert answered == 422
    assert UNKNOWN in message(json.loads(body))


async def test_a_stream_of_which_nothing_was_recognised_is_refused_too(stack: RunningStack):
    data = encoded(sentences(), 16_000)
    answered, body = await transcribe(stack.port, data, language="de", stream="true")
    assert answered == 422
    assert UNKNOWN in json.loads(body)["error"]["message"]


async def test_words_have_times(stack: RunningStack):
    data = encoded(sentences(), 16_000)
    answered, body, _ = await post(stack.port, "/transcribe?language=en", data)
    assert answered == 200
    told = json.loads(body)
    assert " ".join(word["word"] for word in told["words"]) == told["text"]
    assert told["language"] == "English"
    starts = [word["start"] for word in told["words"]]
    assert starts == sorted(starts)
    assert 0.0 < starts[0] < 1.0


async def test_live_calls_and_files_run_side_by_side(stack: RunningStack):
    data = encoded(np.tile(sentences(), 3), 16_000)
    live = converse(stack.url, config(), *messages(sentences()), FINALIZE, pace=0.1)
    files = asyncio.gather(*(transcribe(stack.port, data) for _ in range(3)))
    call, answers = await asyncio.gather(live, files)
    assert " ".join(call.texts).lower().count("fox") == 2
    assert {answered for answered, _ in answers} == {200}
    (text,) = {json.loads(body)["text"] for _, body in answers}
    assert text.lower().count("fox") == 6


@pytest.mark.parametrize(
    ("data", "expected", "code"),
    [
        (b"hello", 415, "not_audio"),
        (bytes(3_000_000), 413, "file_too_large"),
        (encoded(said(30.0), 16_000, "flac", "flac"), 413, "audio_too_long"),
        (b"", 400, "no_file"),
    ],
    ids=["text", "large", "long", "empty"],
)
async def test_a_file_of_no_use_is_refused(small: Service, data, expected, code):
    answered, body, _ = await post(small.port, "/transcribe", data)
    assert (answered, json.loads(body)["code"]) == (expected, code)
    assert status(small)["sessions"] == 0


async def test_a_file_that_hides_its_length_stops_at_the_limit(small: Service):
    hour = np.zeros((16_000 * 3600, 1), np.int16)
    data = file(hour, 16_000, "flac", "flac", seekable=False)
    assert len(data) < 2_000_000
    answered, body, _ = await post(small.port, "/transcribe", data)
    assert (answered, json.loads(body)["code"]) == (413, "audio_too_long")
    until(lambda: status(small)["sessions"] == 0)


async def test_beyond_its_places_a_gateway_takes_no_file(small: Service):
    _, writer = await asyncio.open_connection("127.0.0.1", small.port)
    writer.write(b"POST /transcribe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\n")
    await writer.drain()
    data = encoded(sentences(), 16_000)
    while True:
        answered, body, headers = await post(small.port, "/transcribe", data)
        if answered != 200:
            break
    assert (answered, json.loads(body)["code"]) == (429, "max_files")
    assert int(headers["Retry-After"]) > 0
    # A client that is gone has no place.
    writer.close()
    while (await post(small.port, "/transcribe", data))[0] == 429:
        await asyncio.sleep(0.1)


async def test_admission_refuses_files_as_it_refuses_calls(stack: RunningStack):
    with service("gateway", stack.redis_url, "--max-sessions-per-key", "1") as one:
        await asyncio.to_thread(one.wait_ready)
        async with line(one.url) as caller:
            await caller.say(config())
            await caller.hear("session_created")
            answered, body, headers = await post(one.port, "/v1/listen", b"RIFF")
            assert answered == 415  # a file of no use is told so first
            answered, body, headers = await post(
                one.port, "/v1/listen", encoded(sentences(), 16_000)
            )
            assert answered == 429
            assert json.loads(body)["err_code"] == "TOO_MANY_REQUESTS"
            assert int(headers["Retry-After"]) > 0
            await caller.say(FINALIZE)
            await caller.hear_out()


async def test_a_client_that_leaves_ends_its_call(stack: RunningStack):
    data = encoded(np.tile(sentences(), 20), 16_000)
    _, writer = await asyncio.open_connection("127.0.0.1", stack.port)
    writer.write(
        b"POST /transcribe HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(data)
    )
    writer.write(data)
    await writer.drain()
    await asyncio.to_thread(until, lambda: status(stack)["sessions"] == 1)
    writer.close()
    await asyncio.to_thread(until, lambda: status(stack)["sessions"] == 0)


def examples() -> list[str]:
    (block,) = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return [*block.splitlines()]


@pytest.mark.parametrize("example", examples())
def test_the_examples_of_the_document_work(stack: RunningStack, tmp_path, example):
    if shutil.which("curl") is None:
        pytest.skip("curl is not on the PATH")
    (tmp_path / "call.wav").write_bytes(encoded(sentences(), 16_000))
    command = shlex.split(example.replace("localhost:8000", f"127.0.0.1:{stack.port}"))
    done = subprocess.run(
        [*command, "--silent", "--fail-with-body"], cwd=tmp_path, capture_output=True, check=True
    )
    assert b"fox" in done.stdout
