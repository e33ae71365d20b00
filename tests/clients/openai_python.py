"""OpenAI's SDK for Python: turns that the server detects, then one that the client commits."""

import asyncio
import base64
from importlib.metadata import version

import numpy as np
import soxr
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent

from tests.clients.speaking import Report, arguments, frames, spoken, until

RATE = 24_000
COMMITTED = 3
"""Seconds of audio that the client commits."""


class Listener:
    """Notes what the server says."""

    def __init__(self, report: Report) -> None:
        self.settled, self.committed, self.ready = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.turns = True
        """Whether the server detects turns."""
        self._report = report
        self._ends: dict[str, int] = {}
        self._starts: dict[str, int] = {}
        self._deltas: dict[str, str] = {}

    def hear(self, event: RealtimeServerEvent) -> None:
        """Note one event."""
        match event.type:
            case "session.updated":
                self.ready.set()
            case "input_audio_buffer.speech_started":
                self.settled.clear()
                self._starts[event.item_id] = event.audio_start_ms
            case "input_audio_buffer.speech_stopped":
                self._ends[event.item_id] = event.audio_end_ms
            case "conversation.item.input_audio_transcription.delta":
                self._report.interim()
                self._deltas[event.item_id] = self._deltas.get(event.item_id, "") + event.delta
            case "conversation.item.input_audio_transcription.completed":
                self._complete(event.item_id, event.transcript, event.usage.seconds)
            case "conversation.item.input_audio_transcription.failed" | "error":
                self._report.errors.append(event.to_json())

    def _complete(self, item: str, text: str, seconds: float) -> None:
        if not self.turns:
            self._check("committed seconds", seconds, COMMITTED)
            self._report.flushed = bool(text)
            self.committed.set()
            return
        length = (self._ends[item] - self._starts[item]) / 1000
        self._check("seconds of a turn", seconds, length)
        if text and not self._deltas.get(item):
            self._report.errors.append(f"no delta before: {text}")
        self._report.final(text, self._ends[item] / 1000)
        self.settled.set()

    def _check(self, what: str, seconds: float, wanted: float) -> None:
        if abs(seconds - wanted) > 0.01:
            self._report.errors.append(f"{what}: {seconds}, not {wanted}")


class Upsampler:
    """Converts a recording, PCM16, to the only rate that the service knows."""

    def __init__(self, rate: int) -> None:
        self._stream = soxr.ResampleStream(rate, RATE, 1, dtype="int16")

    def convert(self, data: bytes) -> bytes:
        """Convert the next piece."""
        converted: bytes = self._stream.resample_chunk(np.frombuffer(data, "<i2")).tobytes()
        return converted


async def append(connection: AsyncRealtimeConnection, audio: bytes) -> None:
    """Send audio."""
    await connection.input_audio_buffer.append(audio=base64.b64encode(audio).decode())


async def main() -> None:
    """Speak the recording and print the report."""
    given = arguments()
    data, rate = frames(given.audio)
    report = Report("openai (Python)", version("openai"))
    listener = Listener(report)
    client = AsyncOpenAI(api_key="a-key", websocket_base_url=f"{given.url}/v1")
    turns = {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500}
    sound = {
        "format": {"type": "audio/pcm", "rate": RATE},
        "transcription": {"model": "gpt-4o-transcribe", "language": "en"},
        "turn_detection": turns,
    }
    async with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:

        async def listen() -> None:
            async for event in connection:
                listener.hear(event)

        listening = asyncio.create_task(listen())
        await connection.session.update(
            session={"type": "transcription", "audio": {"input": sound}}
        )
        await asyncio.wait_for(listener.ready.wait(), 10)
        upsampler = Upsampler(rate)
        async for piece in spoken(given.audio, report):
            await append(connection, upsampler.convert(piece))
        await until(listener.settled, 20)
        listener.turns = False
        manual = {"input": {"turn_detection": None}}
        await connection.session.update(session={"type": "transcription", "audio": manual})
        await connection.input_audio_buffer.clear()
        again = Upsampler(rate).convert(data[: (COMMITTED + 1) * rate * 2])
        await append(connection, again[: COMMITTED * RATE * 2])
        await connection.input_audio_buffer.commit()
        await until(listener.committed, 20)
        await connection.close()
        await asyncio.wait_for(listening, 10)
        report.closed = str(connection._connection.close_code)
    report.write()


if __name__ == "__main__":
    asyncio.run(main())
