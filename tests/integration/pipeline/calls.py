"""Calls through the real socket, as raw as a client can be: messages in, messages out."""

import asyncio
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import websockets.asyncio.client as ws
from pytest_audioeval import samples as audioeval
from websockets.exceptions import ConnectionClosed

from callscribe import sample
from common.audio import SAMPLE_RATE, FloatArray, float_to_pcm16

SAMPLE_CALL = Path(sample.__file__).with_name("sample_call.wav")
SPEECH_EVENTS = ("speech_started", "speech_ended", "gap")

Message = dict[str, Any]


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

    def speech_events(self) -> list[Message]:
        """Return the speech events without the time they were sent at, in order per channel."""
        events = [
            {name: value for name, value in event.items() if name != "timestamp"}
            for event in self.of(*SPEECH_EVENTS)
        ]
        return sorted(events, key=lambda event: event["channel"])


def config(**options: Any) -> str:
    """Return a config message; PCM16 unless `encoding` says otherwise."""
    return json.dumps({"type": "config", "encoding": "pcm16", **options})


FLUSH = json.dumps({"type": "flush"})
FINALIZE = json.dumps({"type": "finalize"})


async def connect(url: str) -> ws.ClientConnection:
    """Open a connection that sends and receives messages of any size."""
    return await ws.connect(url, compression=None, max_size=None, max_queue=None, proxy=None)


async def converse(url: str, messages: Iterable[str | bytes], *, pace: float = 0.0) -> Transcript:
    """Send messages, `pace` seconds apart on an absolute clock, and take the answers.

    Returns when the server has closed the connection.
    """
    async with await connect(url) as connection:
        sending = asyncio.create_task(_send(connection, messages, pace))
        try:
            return await listen(connection)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def listen(connection: ws.ClientConnection) -> Transcript:
    """Take everything the server says until it closes the connection."""
    transcript = Transcript()
    try:
        while True:
            transcript.messages.append(json.loads(await connection.recv()))
    except ConnectionClosed as closed:
        transcript.close_code = closed.rcvd.code if closed.rcvd else 1006
    return transcript


async def _send(
    connection: ws.ClientConnection, messages: Iterable[str | bytes], pace: float
) -> None:
    start = time.monotonic()
    for number, message in enumerate(messages):
        await asyncio.sleep(max(0.0, start + number * pace - time.monotonic()))
        await connection.send(message)


def split(data: bytes, size: int) -> Iterator[bytes]:
    """Cut bytes into messages of `size`, the last one shorter."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def sample_call(seconds: float | None = None) -> FloatArray:
    """Return the sample call, float32 [n, 2] at 8 kHz, or its beginning."""
    audio, rate = soundfile.read(SAMPLE_CALL, dtype="float32")
    assert rate == 8_000
    call: FloatArray = audio[: None if seconds is None else round(seconds * rate)]
    return call


def sentence() -> FloatArray:
    """Return one spoken sentence, float32 [n] at 16 kHz, with half a second of silence around."""
    path = Path(audioeval.__file__).parent / "audio" / "en" / "quick_brown_fox.wav"
    audio, rate = soundfile.read(path, dtype="float32")
    assert rate == SAMPLE_RATE
    edge = np.zeros(SAMPLE_RATE // 2, np.float32)
    return np.concatenate([edge, audio, edge])


def pcm16(audio: FloatArray) -> bytes:
    """Encode float32 [n] or [n, channels] as interleaved PCM16LE."""
    return float_to_pcm16(audio.ravel())


def silence(seconds: float, *, rate: int = SAMPLE_RATE) -> FloatArray:
    """Return digital silence."""
    return np.zeros(round(seconds * rate), np.float32)


def joined(pieces: Sequence[FloatArray]) -> FloatArray:
    """Return the pieces one after another."""
    return np.concatenate(list(pieces))
