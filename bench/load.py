"""Callers for a gateway: many very cheap WebSocket clients at real-time pace.

Each sends PCM16, loud and quiet in turns, so that the endpointer's decisions, and their frames of
32 ms, are known beforehand. Messages are made once, with the masking key 0, and written as
they are; a message's moment is noted where it is written, so a latency begins with the very message
that decided the event.
"""

import asyncio
import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, lcm
from time import perf_counter
from typing import Any, NamedTuple, cast

import numpy as np

from common.audio import SAMPLE_RATE, float_to_pcm16, samples
from common.pipeline.speech import Ended, Started
from vad_worker.endpointer import Endpointer, EndpointerParams
from vad_worker.framing import FRAME

SILENCE_S, MIN_SPEECH_S = 0.256, 0.128
"""Speech is decided on after 4 loud frames, a pause after 4 quiet ones, the end after 8."""

_TICK = 0.002
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x81, 0x82, 0x88, 0x89, 0x8A


class Decision(NamedTuple):
    """Something decided once the sample before `at` was heard; `kind` as the message's type."""

    kind: str
    utterance: int
    at: int


class Received(NamedTuple):
    """What a client got: its kind, its utterance, when (s, `perf_counter`)."""

    kind: str
    utterance: int
    at: int | None
    when: float


@dataclass(frozen=True)
class Pattern:
    """What every client says, each from another place on: loud and quiet frames in turns."""

    cycle: int = 32
    """Frames from one utterance's first to the next one's; 32 are about a second."""
    loud: int = 16
    message: int = FRAME
    """Samples in a message."""

    @property
    def message_s(self) -> float:
        """Seconds from one message to the next."""
        return self.message / SAMPLE_RATE

    def first(self, client: int) -> int:
        """Return the message that a client begins with; it begins where a frame does."""
        return client % self.cycle * (lcm(self.message, FRAME) // self.message)

    def is_loud(self, frame: int) -> bool:
        """Tell whether a frame of the pattern is speech."""
        return frame % self.cycle < self.loud

    def ends_in(self, at: int) -> int:
        """Return which message, from a client's first on, brings the sample before `at`."""
        return ceil(at / self.message) - 1

    def decisions(self, first: int, messages: int) -> tuple[Decision, ...]:
        """Return what is decided while `messages` messages, from `first` on, are heard."""
        endpointer = Endpointer(
            EndpointerParams(silence=samples(SILENCE_S), min_speech=samples(MIN_SPEECH_S))
        )
        decided: list[Decision] = []
        offset = first * self.message // FRAME
        for frame in range(offset, offset + messages * self.message // FRAME):
            for event in endpointer.push(float(self.is_loud(frame)), 0.0):
                match event:
                    case Started(utterance, _, at):
                        decided.append(Decision("speech_started", utterance, at))
                    case Ended(utterance, _, _, at):
                        decided.append(Decision("speech_ended", utterance, at))
                        decided.append(Decision("final", utterance, at))
        return tuple(decided)

    @cached_property
    def messages(self) -> list[bytes]:
        """All messages there are, as they go over the wire; they repeat."""
        count = lcm(self.cycle * FRAME, self.message) // FRAME
        frames = _noise(0.001), _noise(0.3)
        audio = b"".join([frames[self.is_loud(frame)] for frame in range(count)])
        size = 2 * self.message
        return [_masked(_BINARY, audio[at : at + size]) for at in range(0, len(audio), size)]


def _masked(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame (RFC 6455, 5.2) whose masking key leaves the payload as it is."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes((opcode,)) + length + bytes(4) + payload


def _noise(level: float) -> bytes:
    noise = np.random.default_rng(1).uniform(-level, level, FRAME).astype(np.float32)
    return float_to_pcm16(noise)


class Client(asyncio.Protocol):
    """One call, from the handshake to what it was told; `first` is the message it begins with."""

    def __init__(self, pattern: Pattern, first: int, config: dict[str, Any]) -> None:
        self.first = first
        self._messages = pattern.messages
        self.sent_at = array("d")
        self.received: list[Received] = []
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.trouble: str | None = None
        self._config = _masked(_TEXT, json.dumps({"type": "config", **config}).encode())
        self._transport: asyncio.Transport
        self._rest = b""
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(
            b"GET /ws/asr HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the server is gone."""
        self._fail("the connection was closed")

    def data_received(self, data: bytes) -> None:
        """Take the handshake's answer, then frames."""
        now = perf_counter()
        self._rest += data
        if not self._upgraded:
            head, end, rest = self._rest.partition(b"\r\n\r\n")
            if not end:
                return
            if b" 101 " not in head:
                self._fail(head.decode())
            self._upgraded, self._rest = True, rest
            self._transport.write(self._config)
        while (frame := self._next_frame()) is not None:
            self._take(*frame, now)

    def send(self, number: int) -> None:
        """Write the pattern's next message, the client's `number`-th from 0."""
        self.sent_at.append(perf_counter())
        self._transport.write(self._messages[(self.first + number) % len(self._messages)])

    def close(self) -> None:
        """Close the connection without ending the call."""
        self._transport.abort()

    def _next_frame(self) -> tuple[int, bytes] | None:
        data = self._rest
        if len(data) < 4:
            return None
        size, begin = data[1], 2
        if size == 126:
            size, begin = int.from_bytes(data[2:4], "big"), 4
        if len(data) < begin + size:
            return None
        self._rest = data[begin + size :]
        return data[0], data[begin : begin + size]

    def _take(self, opcode: int, payload: bytes, now: float) -> None:
        if opcode == _PING:
            self._transport.write(_masked(_PONG, payload))
        elif opcode == _CLOSE:
            self._fail(f"closed by the server: {payload[2:].decode()}")
        elif opcode == _TEXT:
            self._hear(json.loads(payload), now)

    def _hear(self, message: dict[str, Any], now: float) -> None:
        kind = message["type"]
        if kind == "session_created":
            self.opened.set_result(None)
        elif kind == "error":
            self._fail(f"{message['code']}: {message['message']}")
        elif kind != "partial":
            at = samples(message["at"]) if "at" in message else None
            self.received.append(Received(kind, message["utterance"], at, now))

    def _fail(self, reason: str) -> None:
        self.trouble = self.trouble or reason
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(reason))


async def pace(
    clients: Sequence[Client], pattern: Pattern, begin: float, first: int, end: int
) -> float:
    """Have every client send its messages `first` to `end` - 1; return the longest delay (s).

    Message n of the i-th client is due `message_s` * (n + i / clients) after `begin`, by
    `perf_counter`.
    """
    count = len(clients)
    step = pattern.message_s / count
    done, last = first * count, end * count
    late = 0.0
    while done < last:
        now = perf_counter()
        due = min(last, int((now - begin) / step) + 1)
        if due > done:
            late = max(late, now - begin - done * step)
        for turn in range(done, due):
            clients[turn % count].send(turn // count)
        done = max(done, due)
        await asyncio.sleep(_TICK)
    return late
