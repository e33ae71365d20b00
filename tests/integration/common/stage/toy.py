"""Workers that run the toy stage, and calls that know what ought to come out."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any
from zlib import crc32

from prometheus_client import CollectorRegistry

from common.bus import keys, wire
from common.bus.keys import Leg
from common.bus.offers import offer
from common.bus.wire import NOTHING, StreamId
from common.pipeline.record import pack
from common.pipeline.streams import AUDIO
from common.redis.link import Command as Redis
from common.redis.link import Link
from common.settings import StageSettings
from common.stage.runner import Runner
from common.telemetry.metrics import StageMetrics
from tests.integration.common.stage.toy_stage import (
    CHECKPOINT,
    EVENTS,
    EVERY,
    TOY_ENTRY,
    ToyStage,
    ToyWork,
    asked,
)
from tests.real_redis import admin_address

BRISK = StageSettings(lease_s=0.5, heartbeat_s=0.1)
"""Take-overs come soon."""
PATIENT = StageSettings(lease_s=60, heartbeat_s=0.1)
"""No lease runs out in a test: what changes hands was handed over."""


class Call:
    """One leg as a gateway would feed it, and what ought to come out."""

    def __init__(self, link: Link, name: str) -> None:
        self.leg = Leg(name, 0)
        self.position = 0
        self.live = False
        """Whether its audio says when it came."""
        self.expected: list[tuple[tuple[int, int], str, int]] = []
        self._link = link
        self._random = random.Random(name)
        self._crc = 0
        self._order = wire.AUDIO_ORDER
        self._written: list[Redis] = []

    async def open(self, stage: str = "toy") -> None:
        """Describe the session and offer its leg."""
        await self._link.insist(
            [
                ("HSET", self.leg.meta, "session", b"x", "secret", b"x"),
                ("EXPIRE", self.leg.meta, 60),
            ]
        )
        await self.offer(stage)

    async def offer(self, stage: str = "toy") -> None:
        """Offer the leg."""
        await self._link.evaluate([offer(stage, str(self.leg), ToyWork())])

    async def say(self, samples: int) -> None:
        """Write so many samples, cut at random."""
        end = self.position + samples
        commands: list[Redis] = []
        while self.position < end:
            size = min(self._random.randint(1, 700), end - self.position)
            pcm = self._random.randbytes(2 * size)
            self._hear(pcm)
            entry = wire.entry_id(self.position, wire.AUDIO_ORDER)
            stamp = (wire.CAME_FIELD, wire.came(time.time())) if self.live else ()
            commands.append(("XADD", self.leg.key(AUDIO), entry, wire.AUDIO_FIELD, pcm, *stamp))
        self._order = wire.AUDIO_ORDER
        await self._write(commands)

    async def control(self, kind: str, number: int = 0) -> None:
        """Write a control that takes effect now."""
        self._order += 1
        body = pack(asked(kind, number))
        entry = wire.entry_id(self.position, self._order)
        self.expected.append(((self.position, self._order), kind, self._crc))
        await self._write([("XADD", self.leg.key(AUDIO), entry, wire.CONTROL_FIELD, body)])

    async def say_again(self) -> None:
        """Write all of it once more: what Redis has already it refuses."""
        await self._link.insist(self._written)

    async def _write(self, commands: Sequence[Redis]) -> None:
        self._written += commands
        await self._link.insist([*commands, ("EXPIRE", self.leg.key(AUDIO), keys.SESSION_TTL)])

    async def events(self) -> list[tuple[tuple[int, int], str, int]]:
        """Return what is in the speech stream: (stream_id, type, crc)."""
        (entries,) = await self._link.insist([("XRANGE", self.leg.key(EVENTS), "-", "+")])
        read = [wire.read_owned(entry, TOY_ENTRY) for entry in entries]
        return [
            ((each.at.position, each.at.order), event.kind, event.crc)
            for each in read
            if each is not None
            for event in each.events
            if not event.late
        ]

    async def complete(self, timeout: float = 15.0) -> None:
        """Wait until all that ought to come out is there; fail on anything else."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while (events := await self.events()) != self.expected:
            right = sum(1 for _ in takewhile(_same, zip(events, self.expected, strict=False)))
            here = f"{self.leg}: after {right} right ones {events[right : right + 2]}"
            here += f" instead of {self.expected[right : right + 2]}"
            assert right == len(events), here
            assert loop.time() < end, here
            await asyncio.sleep(0.01)

    async def saved(self) -> StreamId:
        """Return up to where the last checkpoint knows the audio stream."""
        (newest,) = await self._link.insist(
            [("XREVRANGE", self.leg.key(CHECKPOINT), "+", "-", "COUNT", 1)]
        )
        progress = wire.read_progress(newest[0]) if newest else None
        return progress.heard if progress else NOTHING

    def _hear(self, pcm: bytes) -> None:
        while pcm:
            take = (EVERY - self.position % EVERY) * 2
            piece, pcm = pcm[:take], pcm[take:]
            self._crc = crc32(piece, self._crc)
            self.position += len(piece) // 2
            if self.position % EVERY == 0:
                self.expected.append(((self.position, 0), "crc", self._crc))


def _same(pair: tuple[object, object]) -> bool:
    return pair[0] == pair[1]


class Worker:
    """A stage worker as its process would run it, in this event loop."""

    def __init__(
        self,
        url: str,
        name: str,
        *,
        slots: int = 8,
        settings: StageSettings = PATIENT,
        port: int | None = None,
        **kind: bool,
    ) -> None:
        self.stage = ToyStage(**kind)
        self.links: list[Link] = []
        self._address = admin_address(url)
        if port is not None:
            self._address = replace(self._address, host="127.0.0.1", port=port, path=None)
        self._name = name
        self._registry = CollectorRegistry()
        metrics = StageMetrics.build(self._registry, "toy")
        self.runner = Runner(
            self.stage, settings, slots=slots, consumer=name, metrics=metrics, dial=self._dial
        )
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def _dial(self, role: str) -> Link:
        link = Link(self._address, f"{self._name}:{role}")
        await link.connect()
        self.links.append(link)
        return link

    async def start(self) -> "Worker":
        """Start all services."""
        await self.runner.start()
        self._tasks = {
            name: asyncio.create_task(work) for name, work in self.runner.services().items()
        }
        return self

    @property
    def owned(self) -> set[str]:
        """The legs it believes to own."""
        return {str(state.leg) for state in self.stage.open_states}

    def breaker_open(self) -> bool:
        return self._registry.get_sample_value("callscribe_breaker_open", {"stage": "toy"}) == 1

    def died(self) -> list[str]:
        """Return the services that have ended, which none may."""
        return [name for name, task in self._tasks.items() if task.done()]

    async def kill(self) -> None:
        """End it as kill -9 would: nothing is handed over, no socket says goodbye."""
        for task in self._tasks.values():
            task.cancel()
        for link in self.links:
            link.abort()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await asyncio.gather(*(link.close() for link in self.links))
        self._tasks = {}

    async def drain(self, deadline: float = 5.0) -> None:
        """End it as SIGTERM does; TimeoutError when work is left at the deadline."""
        try:
            async with asyncio.timeout(deadline):
                await self.runner.drain()
        finally:
            for task in self._tasks.values():
                task.cancel()
            results = await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            self._tasks = {}
            await self.runner.stop()
            await asyncio.gather(*(link.close() for link in self.links))
        assert not [each for each in results if isinstance(each, Exception)]


class ToyWorkers:
    """Starts workers and ends whatever of them is still there."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.started: list[Worker] = []

    async def add(self, name: str = "", **more: Any) -> Worker:
        """Start a worker."""
        worker = Worker(self.url, name or f"worker-{len(self.started)}", **more)
        self.started.append(worker)
        return await worker.start()

    async def end(self) -> None:
        """End all that still run; a service that died by itself fails the test."""
        for worker in self.started:
            for task in worker._tasks.values():
                if task.done() and not task.cancelled():
                    task.result()
            assert not worker.died()
            await worker.kill()


@contextlib.asynccontextmanager
async def speaking(*calls: Call, samples: int = 160, pause: float = 0.002) -> AsyncIterator[None]:
    """Keep the calls speaking while the body runs."""

    silent = asyncio.Event()

    async def speak() -> None:
        while not silent.is_set():
            for call in calls:
                await call.say(samples)
            await asyncio.sleep(pause)

    speaker = asyncio.create_task(speak())
    try:
        yield
    finally:
        # Never cut off in a write: what became of it would not be known.
        silent.set()
        await speaker


async def calls(link: Link, count: int) -> list[Call]:
    """Open so many calls."""
    made = [Call(link, f"call{number}") for number in range(count)]
    for call in made:
        await call.open()
    return made


async def finish(*finished: Call) -> None:
    """End the calls; all that ought to come out must be there in the end."""
    for call in finished:
        await call.control("end")
    await asyncio.gather(*(call.complete() for call in finished))


async def nothing_left(link: Link) -> None:
    """Wait until no work item is open; nothing of one may remain."""
    stream = keys.work_items("toy")
    while await link.call("XLEN", stream) or await link.call("HLEN", keys.index("toy")):
        await asyncio.sleep(0.01)
    assert (await link.call("XPENDING", stream, "toy"))[0] == 0


def owned(*workers: Worker) -> list[str]:
    """Return the legs these workers believe to own, each as often as it is believed."""
    return sorted(leg for worker in workers for leg in worker.owned)
