"""Calls through the real socket, as raw as a client can be: messages in, messages out."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from typing import Any

import numpy as np
import soundfile
import websockets.asyncio.client as ws
from websockets.exceptions import ConnectionClosed

from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16

SPEECH_EVENTS = ("speech_started", "speech_ended", "gap")
FLUSH = json.dumps({"type": "flush"})
FINALIZE = json.dumps({"type": "finalize"})

Message = dict[str, Any]


def config(**options: Any) -> str:
    """Return a config message; PCM16 unless `encoding` says otherwise."""
    return json.dumps({"type": "config", "encoding": "pcm16", **options})


# --- what the server says ---


@dataclass
class Transcript:
    """Everything a call was told, in order, and how its connection was closed."""

    messages: list[Message] = field(default_factory=list)
    close_code: int = 0

    def of(self, *kinds: str) -> list[Message]:
        """Return the messages of these types."""
        return [message for message in self.messages if message["type"] in kinds]

    @property
    def finals(self) -> list[Message]:
        """The finals."""
        return self.of("final")

    @property
    def texts(self) -> list[str]:
        """The texts of the finals that have one."""
        return [final["text"] for final in self.finals if final["text"]]

    @property
    def errors(self) -> list[str]:
        """The codes of the errors."""
        return [error["code"] for error in self.of("error")]

    @property
    def session(self) -> str:
        """The session's id."""
        (created,) = self.of("session_created")
        session: str = created["session_id"]
        return session

    def by_utterance(self) -> dict[tuple[int, int], str]:
        """Return the finals' texts by channel and utterance; every utterance has only one."""
        counted = Counter((final["channel"], final["utterance"]) for final in self.finals)
        assert set(counted.values()) <= {1}, f"utterances with several finals: {counted}"
        return {(final["channel"], final["utterance"]): final["text"] for final in self.finals}

    def speech_events(self) -> list[Message]:
        """Return the speech events, less when they were sent, in order per channel."""
        events = [
            {name: value for name, value in event.items() if name != "timestamp"}
            for event in self.of(*SPEECH_EVENTS)
        ]
        return sorted(events, key=lambda event: event["channel"])


class Line:
    """A client that says what it is told to and takes down what it hears."""

    def __init__(self, connection: ws.ClientConnection) -> None:
        self.connection = connection
        self.transcript = Transcript()

    async def say(self, *messages: str | bytes, pace: float = 0.0) -> None:
        """Send messages, `pace` seconds apart on an absolute clock."""
        start = time.monotonic()
        for number, message in enumerate(messages):
            await asyncio.sleep(max(0.0, start + number * pace - time.monotonic()))
            await self.connection.send(message)

    async def hear(self, *kinds: str, timeout: float = 20.0) -> Message:
        """Return the next message of one of these types."""
        async with asyncio.timeout(timeout):
            while True:
                message: Message = json.loads(await self.connection.recv())
                self.transcript.messages.append(message)
                if message["type"] in kinds:
                    return message

    async def hear_out(self) -> Transcript:
        """Take everything until the server has closed the connection."""
        try:
            while True:
                await self.hear(timeout=60)
        except ConnectionClosed as closed:
            self.transcript.close_code = closed.rcvd.code if closed.rcvd else 1006
        return self.transcript


@asynccontextmanager
async def line(url: str) -> AsyncIterator[Line]:
    """Connect; every message of the server is kept until it is heard."""
    async with ws.connect(
        url, compression=None, max_size=None, max_queue=None, proxy=None, close_timeout=1
    ) as connection:
        yield Line(connection)


async def converse(url: str, *messages: str | bytes, pace: float = 0.0) -> Transcript:
    """Send messages, `pace` seconds apart, and take the answers until the server has closed."""
    async with line(url) as client:
        saying = asyncio.create_task(client.say(*messages, pace=pace))
        try:
            return await client.hear_out()
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)


# --- what is sent ---


def split(data: bytes, size: int) -> Iterator[bytes]:
    """Cut bytes into messages of `size`, the last one shorter."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def pcm16(audio: FloatArray) -> bytes:
    """Encode float32 [n] or [n, channels] as interleaved PCM16LE."""
    return float_to_pcm16(audio.ravel())


def sample_call(seconds: float | None = None) -> FloatArray:
    """Return the sample call, float32 [n, 2] at 8 kHz, or its beginning."""
    with as_file(files("callscribe.sample") / "sample_call.wav") as path:
        audio, rate = soundfile.read(path, dtype="float32")
    assert rate == 8_000
    call: FloatArray = audio[: None if seconds is None else round(seconds * rate)]
    return call


def clip(name: str) -> FloatArray:
    """Return a spoken sentence of the `pytest-audioeval` package, float32 [n] at 16 kHz."""
    with as_file(files("pytest_audioeval") / "samples" / "audio" / "en" / f"{name}.wav") as path:
        audio, rate = soundfile.read(path, dtype="float32")
    assert rate == SAMPLE_RATE
    speech: FloatArray = audio
    return speech


def silence(seconds: float) -> FloatArray:
    """Return digital silence, float32 [n] at 16 kHz."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def said(*parts: FloatArray | float) -> FloatArray:
    """Join audio at 16 kHz; a number is that many seconds of silence."""
    return np.concatenate([silence(p) if isinstance(p, float | int) else p for p in parts])


def sentence() -> FloatArray:
    """Return "The quick brown fox jumps over the lazy dog." with silence around it."""
    return said(0.5, clip("quick_brown_fox"), 0.5)


def messages(audio: FloatArray, seconds: float = 0.1) -> Iterable[bytes]:
    """Return mono audio at 16 kHz as PCM16 messages of so many seconds."""
    return split(pcm16(audio), round(seconds * SAMPLE_RATE) * 2)
