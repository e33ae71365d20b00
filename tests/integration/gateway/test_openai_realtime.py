"""OpenAI's Realtime API for transcription on the real stack, over a plain WebSocket."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
import soxr
import websockets.asyncio.client as ws
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from common.audio import FloatArray
from tests.integration.callscribe.processes import until
from tests.integration.gateway.conftest import status
from tests.integration.pipeline.calls import pcm16, said, sentence, split
from tests.integration.pipeline.services import Service, service
from tests.integration.pipeline.test_formats import mulaw

pytestmark = [pytest.mark.usefixtures("unharmed"), pytest.mark.model_text]

FOX = "The quick brown fox jumps over the lazy dog."
PCM = {"type": "audio/pcm", "rate": 24_000}

Message = dict[str, Any]


class Client:
    """A client of the Realtime API; it keeps all events that it has read."""

    def __init__(self, socket: ws.ClientConnection) -> None:
        self.socket = socket
        self.events: list[Message] = []

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def update(self, **settings: Any) -> Message:
        """Change settings; return the answer."""
        session = {"type": "transcription", "audio": {"input": settings}}
        await self.send("session.update", session=session)
        return await self.hear("session.updated")

    async def speak(self, audio: bytes) -> None:
        for piece in split(audio, 4_000):
            await self.send("input_audio_buffer.append", audio=b64encode(piece).decode())

    async def hear(self, *kinds: str) -> Message:
        """Return the next event whose type ends so."""
        async with asyncio.timeout(60):
            while True:
                event: Message = json.loads(await self.socket.recv())
                self.events.append(event)
                if event["type"].endswith(kinds):
                    return event

    def told(self, item: str) -> list[str]:
        """Return what was said of an item, in order; deltas once."""
        kinds = [
            event["type"].split(".")[-1] for event in self.events if event.get("item_id") == item
        ]
        return [kind for at, kind in enumerate(kinds) if kinds[:at][-1:] != [kind]]

    def deltas(self, item: str) -> str:
        """Return the text of an item's deltas."""
        of = [event for event in self.events if event.get("item_id") == item]
        return "".join(event.get("delta", "") for event in of)


@asynccontextmanager
async def connected(port: int, **more: Any) -> AsyncIterator[Client]:
    url = f"ws://127.0.0.1:{port}/v1/realtime?intent=transcription"
    async with ws.connect(url, proxy=None, **more) as socket:
        client = Client(socket)
        await client.hear("session.created")
        yield client


def pcm24(audio: FloatArray) -> bytes:
    return pcm16(soxr.resample(audio, 16_000, 24_000))


async def test_turns_that_vad_finds_are_items(stack):
    async with connected(stack.port) as client:
        turns = {"type": "server_vad", "silence_duration_ms": 500}
        answer = await client.update(format=PCM, turn_detection=turns)
        shown = answer["session"]["audio"]["input"]["turn_detection"]
        assert shown["silence_duration_ms"] == 500
        await client.speak(pcm24(said(sentence(), 1.0, sentence(), 1.0)))
        items = [await client.hear("completed") for _ in range(2)]
    assert [item["transcript"] for item in items] == [FOX, FOX]
    bounds = []
    for item in items:
        order = client.told(item["item_id"])
        assert [kind for kind in order if kind != "delta"] == [
            *("speech_started", "speech_stopped", "committed", "completed"),
        ]
        assert order[-2:] == ["delta", "completed"]
        start, end = (
            next(
                e[name] for e in client.events if e.get("item_id") == item["item_id"] and name in e
            )
            for name in ("audio_start_ms", "audio_end_ms")
        )
        assert item["usage"] == {
            "type": "duration",
            "seconds": pytest.approx((end - start) / 1000, abs=0.002),
        }
        bounds += [start, end]
    assert bounds == sorted(bounds)
    committed = [e for e in client.events if e["type"] == "input_audio_buffer.committed"]
    assert [e["previous_item_id"] for e in committed] == [None, items[0]["item_id"]]
    assert len({e["event_id"] for e in client.events}) == len(client.events)


async def test_a_telephone_line_is_committed_by_its_client(stack):
    """All that was said since the last commit is one item, however many pauses it has."""
    async with connected(stack.port) as client:
        await client.update(format={"type": "audio/pcmu"}, turn_detection=None)
        await client.send("input_audio_buffer.commit", event_id="early")
        refused = (await client.hear("error"))["error"]
        assert (refused["code"], refused["event_id"]) == (
            "input_audio_buffer_commit_empty",
            "early",
        )
        for times in (2, 1):
            speech = mulaw(np.concatenate([said(sentence(), 1.0)] * times))
            await client.speak(speech)
            await client.send("input_audio_buffer.commit")
            committed = await client.hear("committed")
            completed = await client.hear("completed")
            assert completed["item_id"] == committed["item_id"]
            assert completed["transcript"] == " ".join([FOX] * times)
            assert completed["usage"]["seconds"] == pytest.approx(len(speech) / 8_000, abs=0.001)
            assert client.deltas(completed["item_id"]).endswith("dog.")
    kinds = {event["type"] for event in client.events}
    assert "input_audio_buffer.speech_started" not in kinds


async def test_what_is_cleared_is_not_transcribed(stack):
    async with connected(stack.port) as client:
        await client.update(format=PCM, turn_detection=None)
        await client.speak(pcm24(sentence()))
        await client.send("input_audio_buffer.clear")
        await client.hear("cleared")
        await client.speak(pcm24(said(0.5)))
        await client.send("input_audio_buffer.commit")
        assert (await client.hear("completed"))["transcript"] == ""


async def test_mistakes_are_answered_and_the_call_goes_on(stack):
    async with connected(stack.port) as client:
        await client.send("response.create")
        assert (await client.hear("error"))["error"]["code"] == "unknown_event"
        await client.send("input_audio_buffer.append", audio="not base64")
        assert (await client.hear("error"))["error"]["code"] == "invalid_audio"
        await client.speak(pcm24(sentence()))
        await client.send("session.update", session={"input_audio_format": "g711_ulaw"})
        assert (await client.hear("error"))["error"]["code"] == "audio_format_fixed"
        await client.send("input_audio_buffer.commit")
        assert (await client.hear("completed"))["transcript"] == FOX


async def test_a_browser_shows_its_key_beside_the_protocol(stack):
    offered = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.a-key")]
    async with connected(stack.port, subprotocols=offered) as client:
        assert client.socket.subprotocol == "realtime"


@pytest.fixture
def small(stack) -> Iterator[Service]:
    with service("gateway", stack.redis_url, "--max-sessions", "1") as running:
        running.wait_ready()
        yield running
        until(lambda: status(running)["sessions"] == 0)


async def test_a_refusal_is_an_error_object(small):
    async with connected(small.port) as client:
        await client.speak(pcm24(said(0.2)))
        with pytest.raises(InvalidStatus) as caught:
            async with connected(small.port):
                pass
    assert caught.value.response.status_code == 503
    assert caught.value.response.body is not None
    error = json.loads(caught.value.response.body)["error"]
    assert (error["type"], error["param"]) == ("server_error", None)
