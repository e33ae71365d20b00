"""Live audio as recorders and encoders make it, through the whole stack."""

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress

import numpy as np
import numpy.typing as npt
import pytest
import samplerate
import websockets.asyncio.client as ws
from websockets.exceptions import ConnectionClosed

from common.audio import FloatArray
from tests.compressed import ENCODERS, encoded, opus_packets
from tests.integration.conftest import RunningStack
from tests.integration.gateway.test_deepgram import (
    CLOSE,
    FINALIZE,
    FOX,
    dial,
    texts,
    until,
    until_closed,
)
from tests.integration.pipeline.calls import Message, clip, said, sentence, split

pytestmark = pytest.mark.usefixtures("unharmed")

LIVE = {"language": "en"}


def samples(audio: FloatArray, rate: int) -> npt.NDArray[np.int16]:
    """Return audio at 16 kHz as 16 bits at another rate, [n, channels]."""
    frames = audio.reshape(len(audio), -1)
    if rate != 16_000:
        frames = samplerate.resample(frames, rate / 16_000, "sinc_best")
    return np.round(np.clip(frames.reshape(len(frames), -1), -1, 1) * 32_767).astype(np.int16)


def stream(name: str, audio: FloatArray) -> bytes:
    return encoded(name, samples(audio, ENCODERS[name].rate))


async def send(connection: ws.ClientConnection, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        await connection.send(piece)
        await asyncio.sleep(0.01)


@pytest.mark.model_text
@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("webm", {}),
        ("ogg", {"encoding": "ogg-opus", "sample_rate": 48_000}),
        ("flac", {"encoding": "flac"}),
        ("mp3", {}),
        ("aac", {}),
        ("mp4", {}),
    ],
)
async def test_deepgrams_clients_send_streams(
    stack: RunningStack, name: str, asked: dict[str, object]
) -> None:
    async with dial(stack, LIVE | asked) as connection:
        await send(connection, split(stream(name, sentence()), 1_111))
        await connection.send(CLOSE)
        heard, code, _ = await until_closed(connection)
    assert texts(heard) == FOX
    assert heard[-1]["duration"] == pytest.approx(len(sentence()) / 16_000, abs=0.15)
    assert code == 1000


@pytest.mark.model_text
async def test_messages_of_one_packet_of_opus_each(stack: RunningStack) -> None:
    asked = LIVE | {"encoding": "opus", "sample_rate": 48_000}
    async with dial(stack, asked) as connection:
        await send(connection, opus_packets(samples(sentence(), 48_000)))
        await connection.send(CLOSE)
        heard, _, _ = await until_closed(connection)
    assert texts(heard) == FOX


@pytest.mark.model_text
async def test_finalize_and_utterance_end_count_what_is_decoded(stack: RunningStack) -> None:
    data = stream("webm", said(sentence(), 3.0))
    asked = LIVE | {"utterance_end_ms": "1000", "interim_results": "true"}
    async with dial(stack, asked) as connection:
        await send(connection, split(data, 2_000))
        heard = await until(connection, "UtteranceEnd")
        await connection.send(FINALIZE)
        await until(connection, "Results", from_finalize=True)
    assert texts(heard) == FOX


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bytes(4_000), "no encoding was named"),
        (stream("webm", sentence())[3_000:9_000], "no encoding was named"),
        (b"\x1aE\xdf\xa3" + bytes(range(256)) * 20, "damaged or missing"),
    ],
)
async def test_deepgrams_clients_are_told_of_what_is_no_audio(
    stack: RunningStack, data: bytes, said: str
) -> None:
    async with dial(stack, LIVE) as connection:
        await connection.send(data)
        heard, code, reason = await until_closed(connection)
    (error,) = [each for each in heard if each["type"] == "Error"]
    assert error["variant"] == "invalid_audio"
    assert said in error["description"]
    assert (code, reason.partition(":")[0]) == (1008, "DATA-0000")


async def native(stack: RunningStack, **config: object) -> ws.ClientConnection:
    connection = await ws.connect(stack.url, compression=None, max_queue=None, proxy=None)
    await connection.send(json.dumps({"type": "config", "language": "en", **config}))
    return connection


async def rest(connection: ws.ClientConnection) -> list[Message]:
    heard: list[Message] = []
    with suppress(ConnectionClosed):
        async with asyncio.timeout(60):
            while True:
                heard.append(json.loads(await connection.recv()))
    return heard


@pytest.mark.model_text
async def test_two_channels_of_a_stream_are_two_legs(stack: RunningStack) -> None:
    hello = said(clip("hello_world"), 1.0)
    both = np.zeros((len(sentence()), 2), np.float32)
    both[:, 0] = sentence()
    both[: len(hello), 1] = hello[: len(both)]
    connection = await native(stack, encoding="webm", channels=2)
    await send(connection, split(stream("webm", both), 1_500))
    await connection.send('{"type": "finalize"}')
    heard = await rest(connection)
    finals = {m["channel"]: m["text"] for m in heard if m["type"] == "final" and m["text"]}
    assert finals == {0: FOX, 1: "Hello world."}
    assert heard[0]["resume_token"] == ""


async def test_a_stream_that_breaks_off_is_over(stack: RunningStack) -> None:
    connection = await native(stack, encoding="ogg")
    created = json.loads(await connection.recv())
    await send(connection, split(stream("ogg", sentence())[:9_000], 1_000))
    connection.transport.abort()
    again = await native(stack, encoding="ogg", resume=f"{created['session_id']}.secret")
    (error,) = await rest(again)
    assert "cannot be resumed" in error["message"]
