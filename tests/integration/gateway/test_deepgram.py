"""Clients of Deepgram at `/v1/listen`, as raw as they can be: what their SDKs send and read."""

import asyncio
import io
import json
from contextlib import suppress
from importlib.resources import files
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import pytest
import soundfile
import websockets.asyncio.client as ws
from websockets.exceptions import ConnectionClosed, InvalidStatus

from callscribe.loadtest.scoring import word_errors
from common.audio import FloatArray
from gateway.protocols.deepgram.codec import IDLE
from tests.integration.conftest import RunningStack
from tests.integration.pipeline.calls import (
    Message,
    messages,
    said,
    sample_call,
    sentence,
    split,
)

pytestmark = pytest.mark.usefixtures("unharmed")

FOX = "The quick brown fox jumps over the lazy dog."
LINEAR = {"encoding": "linear16", "sample_rate": 16_000, "language": "en"}
FINALIZE = '{"type": "Finalize"}'
CLOSE = '{"type": "CloseStream"}'


def dial(stack: RunningStack, parameters: dict[str, Any], **more: Any) -> ws.connect:
    url = f"ws://127.0.0.1:{stack.port}/v1/listen?{urlencode(parameters, doseq=True)}"
    return ws.connect(url, compression=None, max_queue=None, proxy=None, close_timeout=1, **more)


async def until(connection: ws.ClientConnection, kind: str, **fields: object) -> list[Message]:
    """Return the messages up to the first of a type with these fields."""
    heard: list[Message] = []
    async with asyncio.timeout(30):
        async for message in connection:
            heard.append(json.loads(message))
            last = heard[-1]
            if last["type"] == kind and fields.items() <= last.items():
                return heard
    raise AssertionError(f"closed without {kind}: {heard}")


async def until_closed(connection: ws.ClientConnection) -> tuple[list[Message], int, str]:
    """Return the rest of the messages, the close code and its reason."""
    heard: list[Message] = []
    with suppress(ConnectionClosed):
        async with asyncio.timeout(60):
            while True:
                heard.append(json.loads(await connection.recv()))
    assert connection.close_code is not None
    return heard, connection.close_code, connection.close_reason or ""


def best(result: Message) -> dict[str, Any]:
    alternative: dict[str, Any] = result["channel"]["alternatives"][0]
    return alternative


def texts(heard: list[Message], channel: int = 0) -> str:
    """Join the texts of a channel's finals."""
    finals = [m for m in heard if m["type"] == "Results" and m["is_final"]]
    ours = [each for each in finals if each["channel_index"][0] == channel]
    return " ".join(best(each)["transcript"] for each in ours if best(each)["transcript"])


def mulaw(audio: FloatArray) -> bytes:
    """Encode float32 [n, channels] at 8 kHz."""
    file = io.BytesIO()
    soundfile.write(file, audio, 8_000, format="RAW", subtype="ULAW")
    return file.getvalue()


@pytest.mark.model_text
async def test_a_call_from_the_first_word_to_the_metadata(stack):
    asked = LINEAR | {"interim_results": "true", "vad_events": "true", "utterance_end_ms": "1000"}
    async with dial(stack, asked | {"model": "nova-3", "punctuate": "true"}) as connection:
        for piece in messages(said(sentence(), 3.0)):
            await connection.send(piece)
            await asyncio.sleep(0.1)  # a faster call has no time for interim results
        heard = await until(connection, "UtteranceEnd")
        await connection.send('{"type": "KeepAlive"}')
        await connection.send(FINALIZE)
        flushed = await until(connection, "Results", from_finalize=True)
        await connection.send(CLOSE)
        rest, code, _ = await until_closed(connection)
    kinds = [message["type"] for message in heard]
    assert kinds[0] == "SpeechStarted"
    assert kinds[-2:] == ["Results", "UtteranceEnd"]
    interims = [m for m in heard if m["type"] == "Results" and not m["is_final"]]
    assert interims
    assert not any(each["speech_final"] for each in interims)
    final = heard[-2]
    assert (final["is_final"], final["speech_final"]) == (True, True)
    assert best(final)["transcript"] == FOX
    words = best(final)["words"]
    assert [word["punctuated_word"] for word in words] == FOX.split()
    assert heard[-1]["last_word_end"] == words[-1]["end"]
    assert 0 < best(final)["confidence"] <= 1
    assert best(flushed[-1])["transcript"] == ""
    metadata = rest[-1]
    assert metadata["type"] == "Metadata"
    assert metadata["request_id"] == final["metadata"]["request_id"]
    assert metadata["duration"] == pytest.approx(len(said(sentence(), 3.0)) / 16_000, abs=0.001)
    assert code == 1000


@pytest.mark.model_text
@pytest.mark.parametrize("asked", [{"endpointing": "false"}, {"endpointing": "5000"}])
@pytest.mark.parametrize("interim", ["true", "false"])
async def test_the_end_of_an_utterance_comes_whatever_ends_speech(stack, asked, interim):
    query = LINEAR | {"utterance_end_ms": "1000", "interim_results": interim} | asked
    async with dial(stack, query) as connection:
        for piece in messages(said(sentence(), 1.6)):
            await connection.send(piece)
        heard = await until(connection, "UtteranceEnd")
        await connection.send(CLOSE)
        await until_closed(connection)
    *_, final, end = heard
    assert (final["is_final"], final["speech_final"]) == (True, False)
    assert best(final)["transcript"] == FOX
    assert end["last_word_end"] == best(final)["words"][-1]["end"]


async def test_finalize_ends_the_open_utterance_and_the_call_goes_on(stack):
    async with dial(stack, LINEAR | {"endpointing": "false"}) as connection:
        for _ in range(2):
            for piece in messages(sentence()):
                await connection.send(piece)
            await connection.send(FINALIZE)
            heard = await until(connection, "Results", from_finalize=True)
            assert "fox" in texts(heard)
            assert not [m for m in heard if m["type"] == "Results" and not m["is_final"]]
        await connection.send(CLOSE)
        _, code, _ = await until_closed(connection)
    assert code == 1000


@pytest.mark.model_text
async def test_two_channels_of_telephone_audio(stack):
    seconds = 15.3
    description = json.loads(files("callscribe.sample").joinpath("sample_call.json").read_text())
    asked = {"encoding": "mulaw", "sample_rate": 8_000, "channels": 2, "multichannel": "true"}
    async with dial(stack, asked | {"language": "en-US"}) as connection:
        for piece in split(mulaw(sample_call(seconds)), 1_600):
            await connection.send(piece)
        await connection.send(FINALIZE)
        await connection.send(CLOSE)
        heard, code, _ = await until_closed(connection)
    results = [m for m in heard if m["type"] == "Results"]
    assert {m["channel_index"][1] for m in results} == {2}
    flushed = [m["channel_index"][0] for m in results if m["from_finalize"]]
    assert sorted(flushed) == [0, 1]
    for channel in (0, 1):
        spans = [
            (m["start"], m["start"] + m["duration"])
            for m in results
            if m["channel_index"][0] == channel
        ]
        assert all(end <= start + 0.001 for (_, end), (start, _) in pairwise(spans))
        turns = [t for t in description["turns"] if t["channel"] == channel and t["end"] < seconds]
        wrong, words = word_errors([" ".join(t["text"] for t in turns)], [texts(heard, channel)])
        assert wrong / words < 0.25, texts(heard, channel)
    assert heard[-1]["channels"] == 2
    assert heard[-1]["duration"] == seconds
    assert code == 1000


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"encoding": "vorbis", "sample_rate": 48_000}, "encoding must be one of"),
        (LINEAR | {"sample_rate": 10**6}, "sample_rate must be"),
        (LINEAR | {"language": "tlh"}, "unknown language"),
    ],
)
async def test_a_request_of_no_use_is_refused_with_its_reason(stack, parameters, said):
    with pytest.raises(InvalidStatus) as caught:
        async with dial(stack, parameters):
            pass
    response = caught.value.response
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/json"
    answer = json.loads(response.body)
    assert answer["err_code"] == "BAD_REQUEST"
    assert said in answer["err_msg"]


async def test_a_browser_says_its_key_as_a_subprotocol(stack):
    async with dial(stack, LINEAR, subprotocols=["token", "a-key"]) as connection:
        assert connection.subprotocol == "token"
        await connection.send(CLOSE)
        _, code, _ = await until_closed(connection)
    assert code == 1000


async def test_a_client_that_says_nothing_is_closed_but_not_one_that_keeps_alive(stack):
    async with dial(stack, LINEAR) as silent, dial(stack, LINEAR) as alive:

        async def keep_alive() -> None:
            while True:
                await alive.send('{"type": "KeepAlive"}')
                await asyncio.sleep(IDLE / 3)

        keeping = asyncio.create_task(keep_alive())
        heard, code, reason = await until_closed(silent)
        assert [message["variant"] for message in heard] == ["NET-0001"]
        assert (code, reason[:8]) == (1011, "NET-0001")
        keeping.cancel()
        await alive.send(CLOSE)
        heard, code, _ = await until_closed(alive)
        assert (heard[-1]["type"], code) == ("Metadata", 1000)
