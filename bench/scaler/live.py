"""Records what the scaler would see: real calls, the real stack, a real Prometheus.

A Redis, a gateway, and workers with the engines of `bench.dummies`, so that two cores carry the
calls. Callers speak at real-time pace: 3.5 s loud, 2.5 s quiet. Prometheus scrapes as often as in
the site's values. At every look of the autoscaler it is asked what KEDA would ask.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from time import perf_counter

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bench.processes import commands_of, ready, running_process
from bench.scaler import sites
from bench.scaler.load import Load, arrivals, length, ramp
from bench.scaler.prometheus import answer, prometheus
from bench.scaler.recording import Recording
from callscribe.local.child import free_ports
from callscribe.local.embedded_redis import EmbeddedRedis
from common.audio import SAMPLE_RATE, float_to_pcm16
from deploy.kubernetes import rule

WARM_UP_S = 60
"""Until the first calls are open and Prometheus has seen them."""
_LOW, _HIGH = sites.CALLS[sites.RECORDED]
LOAD = ramp(_LOW, _HIGH, rest_s=WARM_UP_S + 120, top_s=180, fall_s=180, end_s=600)
"""Long enough for pods to go again: the window for that is ten minutes."""
_MESSAGE_S = 0.1
_LOUD_S, _QUIET_S = 3.5, 2.5
_CONFIG = {"encoding": "pcm16", "events": ["speech_started", "speech_ended"]}


def _speech() -> list[bytes]:
    """Return one round of what callers say, PCM16 at 16 kHz, by messages."""
    noise = np.random.default_rng(1)
    parts = [
        noise.uniform(-level, level, round(seconds * SAMPLE_RATE)).astype(np.float32)
        for level, seconds in ((0.3, _LOUD_S), (0.001, _QUIET_S))
    ]
    audio, size = float_to_pcm16(np.concatenate(parts)), 2 * round(_MESSAGE_S * SAMPLE_RATE)
    return [audio[at : at + size] for at in range(0, len(audio), size)]


class Callers:
    """All callers. `calls` are those that are over, in s of `perf_counter`, `troubles` failures."""

    def __init__(self, url: str, rng: Random) -> None:
        self.calls: list[tuple[float, float]] = []
        self.troubles: list[str] = []
        self.finals = 0
        self._url = url
        self._rng = rng
        self._speech = _speech()
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, within_s: float = 1.0) -> None:
        """Begin a call within this time; how long it lasts is chance."""
        begin = self._rng.random() * within_s
        first = self._rng.randrange(len(self._speech))
        task = asyncio.create_task(self._come_and_go(begin, length(self._rng), first))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def leave(self) -> None:
        """Hang up all calls."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _come_and_go(self, begin: float, duration: float, first: int) -> None:
        await asyncio.sleep(begin)
        try:
            async with connect(self._url, compression=None, proxy=None) as connection:
                await connection.send(json.dumps({"type": "config", **_CONFIG}))
                opened = json.loads(await connection.recv())
                if opened["type"] != "session_created":
                    self.troubles.append(f"not opened: {opened}")
                    return
                start = perf_counter()
                try:
                    await self._speak(connection, start, duration, first)
                finally:
                    self.calls.append((start, perf_counter()))
        except (OSError, InvalidStatus, ConnectionClosed, TimeoutError) as trouble:
            self.troubles.append(repr(trouble))

    async def _speak(
        self, connection: ClientConnection, start: float, duration: float, first: int
    ) -> None:
        listening = asyncio.create_task(self._listen(connection))
        try:
            for number in range(max(1, round(duration / _MESSAGE_S))):
                await asyncio.sleep(start + number * _MESSAGE_S - perf_counter())
                await connection.send(self._speech[(first + number) % len(self._speech)])
            await connection.send('{"type": "finalize"}')
            await listening
        finally:
            listening.cancel()

    async def _listen(self, connection: ClientConnection) -> None:
        async for message in connection:
            wire = json.loads(message)
            self.finals += wire["type"] == "final" and bool(wire["text"])
            if wire["type"] == "error":
                self.troubles.append(wire["code"])


@contextmanager
def running_site(room: int, site: str, scrape_s: float) -> Iterator[tuple[int, str]]:
    """Run the stack and its Prometheus; yield the gateway's port and Prometheus's URL.

    One process of each kind has room for this many calls: what is recorded has no refusals.
    """
    namespace = sites.values_of(site).namespace
    gateway, *workers = free_ports(3)
    with EmbeddedRedis() as server, ExitStack() as running:
        for name, module, *flags in commands_of(gateway, room):
            where = ["--redis-url", server.url]
            if name != "gateway":
                port = workers[name == "asr"]
                where += ["--metrics-host", "127.0.0.1", "--metrics-port", str(port)]
            running.enter_context(running_process(module, *flags, *where))
        jobs = {"gateway": [gateway], "workers": workers}
        yield gateway, running.enter_context(prometheus(jobs, namespace, scrape_s))


async def record(
    load: Load,
    site: str,
    *,
    scrape_s: float,
    look_s: float = rule.SYNC_S,
    warm_up_s: int = WARM_UP_S,
    seed: int = 1,
) -> Recording:
    """Have calls made as the load says; return what happened after the warm-up.

    Raises RuntimeError when a call was refused or broken, or none was recognised.
    """
    rng = Random(seed)
    questions = sites.questions(site)
    answers: dict[str, list[float | None]] = {name: [] for name in questions}
    most = max(load.calls(second) for second in range(load.seconds))
    with running_site(round(2 * most), site, scrape_s) as (port, url):
        await ready(port)
        callers = Callers(f"ws://127.0.0.1:{port}/ws/asr", rng)
        begin = perf_counter()
        zero = begin + warm_up_s
        looking = asyncio.create_task(_look(url, questions, answers, zero, look_s))
        try:
            for _ in range(round(load.calls(0))):
                callers.add(warm_up_s / 6)
            for second, new in enumerate(arrivals(load, rng)):
                await asyncio.sleep(begin + second - perf_counter())
                for _ in range(new):
                    callers.add()
            await asyncio.sleep(begin + load.seconds - perf_counter())
        finally:
            looking.cancel()
            await callers.leave()
    if callers.troubles or not callers.finals:
        raise RuntimeError(f"{len(callers.troubles)} calls in trouble: {callers.troubles[:5]}")
    if looking.done() and not looking.cancelled():
        looking.result()
    seconds = load.seconds - warm_up_s
    since = [(start - zero, end - zero) for start, end in sorted(callers.calls)]
    return Recording(
        seconds=seconds,
        look_s=look_s,
        calls=[
            (round(max(0.0, start), 1), round(min(seconds, end), 1))
            for start, end in since
            if end > 0 and start < seconds
        ],
        buffers={pool.name: pool.buffer for pool in sites.pools(site)[0]},
        questions=questions,
        answers=answers,
    )


async def _look(
    url: str,
    questions: dict[str, str],
    answers: dict[str, list[float | None]],
    zero: float,
    look_s: float,
) -> None:
    """Ask at every look, until cancelled."""
    number = 0
    while True:
        await asyncio.sleep(zero + number * look_s - perf_counter())
        for name, question in questions.items():
            answers[name].append(await asyncio.to_thread(answer, url, question))
        number += 1
