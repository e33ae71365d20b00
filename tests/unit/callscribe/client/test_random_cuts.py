"""A call over connections that break at random, again and again, some of its controls refused."""

import asyncio
import json
import random
from contextlib import suppress
from itertools import pairwise

import pytest
from websockets.exceptions import ConnectionClosed

from callscribe.client import connect
from callscribe.client.messages import Partial
from tests.unit.callscribe.client.test_line import SPAN, finals


class Cluster:
    """Servers that share one call's audio and controls and break its connections at random."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.audio = bytearray()
        self.controls = []
        self.numbered = 0
        """The number of the client's last control that took effect."""
        self.acknowledged = 0
        self.connections = 0

    async def serve(self, peer):
        self.connections += 1
        if self.connections == 1:
            await peer.accept()
        else:
            self._lose()
            place = {"position": len(self.audio) // 2, "controls": self.numbered}
            config = await peer.resume(**place)
            await self._report(peer, after=config["seq"])
        with suppress(ConnectionClosed):
            await self._work(peer)

    async def _work(self, peer):
        left = self.random.randint(1, 10)
        number = self.numbered
        async for message in peer.connection:
            if isinstance(message, bytes):
                self.audio += message
            else:
                number += 1
                await self._obey(peer, json.loads(message), number)
                if self.controls and self.controls[-1][1] == "finalize":
                    return
            if self.random.random() < 0.3:
                frames = len(self.audio) // 2
                self.acknowledged = self.random.randint(self.acknowledged, frames)
                await peer.say("audio_ack", position=self.acknowledged)
            left -= 1
            if left == 0 and self.connections < 20:
                peer.cut()
                return

    async def _obey(self, peer, control, number):
        if "language" in control:
            await peer.say("error", code="invalid_option", message="language: nobody speaks it")
            return
        self.numbered = number
        if control != {"type": "config"}:
            del self.audio[len(self.audio) // 2 * 2 :]
            self.controls.append((len(self.audio), control["type"]))
            await self._report(peer, after=len(self.controls) - 1)

    async def _report(self, peer, after):
        for number in range(after, len(self.controls)):
            place = {**SPAN, "utterance": number + 1}
            await peer.say("final", **place, seq=number + 1, text=f"answer {number + 1}")

    def _lose(self):
        """Forget some of the audio behind the last control that was answered."""
        floor = max(2 * self.acknowledged, self.controls[-1][0] if self.controls else 0)
        kept = self.random.randint(floor // 2, len(self.audio) // 2)
        del self.audio[2 * kept :]


FLUSH_EVERY = 23


def whole_frames(pieces):
    """Return the audio without the part of a frame before each flush, and before the end."""
    ends = [*range(1, len(pieces), FLUSH_EVERY), len(pieces)]
    segments = [b"".join(pieces[start:end]) for start, end in pairwise([0, *ends])]
    return b"".join(segment[: len(segment) // 2 * 2] for segment in segments)


@pytest.mark.parametrize("seed", range(5))
async def test_random_cuts_lose_and_double_nothing(serving, monkeypatch, seed):
    monkeypatch.setattr("callscribe.client.redialling.FIRST_WAIT", 0.002)
    monkeypatch.setattr("callscribe.client.redialling.LONGEST_WAIT", 0.002)
    cluster, rng = Cluster(seed), random.Random(seed)
    pieces = [rng.randbytes(rng.randint(0, 60)) for _ in range(200)]

    async def send(call):
        for number, piece in enumerate(pieces):
            await call.send(piece)
            if number % FLUSH_EVERY == 0:
                await call.flush()
            if number % 17 == 0:
                await call.configure(language="klingon")
            await asyncio.sleep(0)
        await call.finalize()

    async with (
        serving(cluster.serve) as one,
        serving(cluster.serve) as two,
        connect([one, two]) as call,
    ):
        sending = asyncio.create_task(send(call))
        events = [event async for event in call]
        await sending
    assert bytes(cluster.audio) == whole_frames(pieces)
    assert [kind for _, kind in cluster.controls] == ["flush"] * 9 + ["finalize"]
    assert finals(events) == [f"answer {number + 1}" for number in range(10)]
    assert cluster.connections > 1
    assert not any(isinstance(event, Partial) for event in events)
