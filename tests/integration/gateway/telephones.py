"""A gateway for telephone systems, and what they send."""

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import redis
import soundfile
import soxr
import websockets.asyncio.client as ws

from common.audio import FloatArray
from tests.integration.callscribe.processes import until
from tests.integration.gateway.stored import StoredCall, stored_calls
from tests.integration.pipeline.services import Service

FOX = "The quick brown fox jumps over the lazy dog."
PACKET = 160
"""Samples of 20 ms at 8 kHz."""


def telephone(audio: FloatArray) -> FloatArray:
    """Bring speech at 16 kHz to 8 kHz, whole packets long."""
    narrow: FloatArray = soxr.resample(audio, 16_000, 8_000)
    return np.pad(narrow, (0, -len(narrow) % PACKET))


def encoded(audio: FloatArray, law: str = "ULAW") -> bytes:
    """Encode speech at 8 kHz by a law of G.711."""
    file = io.BytesIO()
    soundfile.write(file, audio, 8_000, format="RAW", subtype=law)
    return file.getvalue()


@dataclass(frozen=True)
class Telephony:
    """A gateway with room for two calls; its ports for AudioSocket and for vosk's clients."""

    gateway: Service
    port: int
    vosk_port: int

    @property
    def url(self) -> str:
        """Where WebSockets connect, without a path."""
        return f"ws://127.0.0.1:{self.gateway.port}"

    @property
    def sessions(self) -> int:
        """How many calls it has."""
        sessions: int = json.loads(self.gateway.page("/ws/status")[1])["sessions"]
        return sessions


@asynccontextmanager
async def connected(url: str, **more: Any) -> AsyncIterator[ws.ClientConnection]:
    async with ws.connect(url, proxy=None, max_queue=None, **more) as client:
        yield client


def ended(telephony: Telephony, bus: redis.Redis, **about: str) -> StoredCall:
    """Wait until the gateway has no call, and return the one of that name."""
    until(lambda: telephony.sessions == 0)
    (call,) = stored_calls(bus, **about)
    return call
