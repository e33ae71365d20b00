"""A call that is recorded, as gateways write its audio, without a gateway or a worker."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from common.audio import SAMPLE_RATE
from common.bus import wire
from common.bus.keys import Leg
from common.options import SessionOptions
from common.pipeline.streams import RECORDED
from common.redis.link import Link
from gateway.calls.directory import Directory, Known
from gateway.calls.store import SessionStore
from gateway.protocols.commands import AudioFormat
from gateway.record import ResumeToken
from gateway.uplink.leg import LegUplink
from gateway.uplink.marks import Marks
from gateway.uplink.writer import Uplink
from tests.integration.gateway.feeding import RECORD

SESSION = "s"
Samples = npt.NDArray[np.int16]


def noise(seconds: float, seed: int = 0) -> Samples:
    """Return noise without a sample that is silent."""
    samples = np.random.default_rng(seed).integers(1, 10_000, round(seconds * SAMPLE_RATE))
    return samples.astype(np.int16)


def silence(seconds: float) -> Samples:
    """Return silence."""
    return np.zeros(round(seconds * SAMPLE_RATE), np.int16)


async def opened(link: Link, *, channels: int = 1, redact: bool = False) -> Known:
    """Open a call that is recorded."""
    options = SessionOptions(record=True, language="English", redact=("pci",) if redact else ())
    audio = AudioFormat("pcm16", 16_000, channels)
    record = replace(RECORD, options=options, audio=audio, recorded=True)
    store = SessionStore(link, "gw", records=True)
    await store.open(ResumeToken(SESSION, "secret"), "owner", record)
    (known,) = await Directory(link, store).find(SESSION, None)
    return known


class Caller:
    """What a gateway writes of the legs of a call, as its owner."""

    def __init__(self, uplink: Uplink, known: Known, last: Sequence[wire.StreamId] = ()) -> None:
        self._uplink = uplink
        self.legs = [
            LegUplink(
                Leg(known.session, channel),
                "owner",
                start=last[channel].position if last else 0,
                last=last[channel] if last else wire.NOTHING,
                stored=Marks(0),
                came=lambda position: None,
                on_written=lambda: None,
                on_superseded=lambda: None,
                on_deleted=lambda: None,
                recorded=known.record.options.record,
            )
            for channel in range(known.record.audio.channels)
        ]

    async def say(self, *legs: Samples) -> None:
        """Add audio to each leg, and wait until Redis has it."""
        for leg, samples in zip(self.legs, legs, strict=True):
            leg.audio(samples.tobytes())
            self._uplink.touch(leg)
        await self._uplink.settle(10)

    def skip(self, seconds: float) -> None:
        """Leave a gap in each leg."""
        for leg in self.legs:
            leg.skip(leg.position + round(seconds * SAMPLE_RATE))

    def record(self, on: bool) -> None:
        """Record from here on, or do not."""
        for leg in self.legs:
            leg.record(on)


@asynccontextmanager
async def calling(
    link: Link, known: Known, last: Sequence[wire.StreamId] = ()
) -> AsyncIterator[Caller]:
    """Write a call's audio."""
    uplink = Uplink(link, period=0.005)
    running = asyncio.create_task(uplink.run())
    yield Caller(uplink, known, last)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def left(link: Link, channel: int = 0) -> int:
    """Return how many entries Redis has of what is to be recorded."""
    length: int = await link.call("XLEN", Leg(SESSION, channel).key(RECORDED))
    return length


def heard(path: Path) -> Samples:
    """Return the samples of a file, a column for each channel if there are several."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    channels = frames[0].layout.nb_channels
    samples = np.concatenate([each.to_ndarray().reshape(-1, channels) for each in frames])
    return samples[:, 0] if channels == 1 else samples
