"""The running system that is drilled: its processes, its Redis, and its calls."""

import asyncio
import base64
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import redis
from websockets.exceptions import WebSocketException

from callscribe.local.child import die_with_parent, free_ports
from callscribe.local.embedded_redis import EmbeddedRedis
from common.audio import SAMPLE_RATE, FloatArray
from tests.drills.monitoring import Alertmanager, Prometheus, monitoring
from tests.integration.callscribe.processes import until, until_true
from tests.integration.conftest import page
from tests.integration.pipeline.calls import FINALIZE, Transcript, config, converse, messages, said

GOOD, FULL, SLOW, DEADLY = 0.1, 0.18, 0.3, 0.7
"""Loudness of speech that is recognised, without partials, slowly, and not without an end."""
SLOTS = 6
"""Legs of each of the two VAD workers."""
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_COMMANDS = {
    "gateway": ["callscribe", "gateway"],
    "vad": ["bench.dummies", "vad"],
    "asr": ["tests.integration.asr_worker.deadly"],
    "denoise": ["callscribe", "denoise"],
}


def speech(loudness: float, utterances: int) -> FloatArray:
    """Return utterances of a second each, with a pause after each."""
    tone = np.sin(np.arange(SAMPLE_RATE) * 2 * np.pi * 300 / SAMPLE_RATE).astype(np.float32)
    parts: list[FloatArray | float] = [0.2]
    for _ in range(utterances):
        parts += [tone * np.float32(loudness), 1.2]
    return said(*parts)


class Process:
    """One process of the system; it keeps its port over restarts."""

    def __init__(self, kind: str, directory: Path, *flags: str, env: dict[str, str] | None) -> None:
        self.kind = kind
        (self.port,) = free_ports(1)
        where = "" if kind == "gateway" else "metrics-"
        self._command = [sys.executable, "-m", *_COMMANDS[kind], *flags, "--drain-s", "1"]
        self._command += [f"--{where}host", "127.0.0.1", f"--{where}port", str(self.port)]
        self._env = {**os.environ, **_ONE_THREAD, **(env or {})}
        self._log = directory / f"{kind}-{self.port}.log"
        self.start()

    def start(self) -> None:
        """Start it; see `ready`."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._env,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=die_with_parent(),
            )

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def ready(self) -> bool:
        """Whether it can take work."""
        assert self.alive, self._log.read_text()
        try:
            return page(self.port, "/ready")[0] == 200
        except OSError:
            return False

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it and what it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class System:
    """A gateway, workers around engines that cost nothing, and who watches them."""

    def __init__(
        self,
        directory: Path,
        server: EmbeddedRedis,
        prometheus: Prometheus,
        alertmanager: Alertmanager,
    ) -> None:
        self.directory = directory
        self.server = server
        self.redis = redis.Redis.from_url(server.url)
        self.prometheus = prometheus
        self.alertmanager = alertmanager
        self._url = ("--redis-url", server.url)
        (nowhere,) = free_ports(1)
        secret = directory / "webhook-secret"
        secret.write_text(f"whsec_{base64.b64encode(os.urandom(32)).decode()}\n")
        webhook = ("--webhook-url", f"http://127.0.0.1:{nowhere}/", "--webhook-secret-file")
        sink = ("--sinks", "archive=file:/proc/callscribe")
        self.others: dict[str, list[int]] = {}
        """Ports of what else is scraped, by job."""
        self.processes: list[Process] = []
        self.secured: list[Process] = []
        self.gateway = self.add("gateway", "--asr-load", "0", *sink, *webhook, str(secret))
        self.vads = [self.add("vad", "--slots", str(SLOTS)) for _ in range(2)]
        self.asrs = [self.add("asr", "--lease-s", "0.5", "--heartbeat-s", "0.1") for _ in range(2)]
        self.denoise = self.add("denoise")
        self._talking: list[asyncio.Task[None]] = []

    def add(self, kind: str, *flags: str, tls: bool = False, **env: str) -> Process:
        """Start one more process, which is scraped from now on."""
        process = Process(kind, self.directory, *self._url, *flags, env=env)
        self.processes.append(process)
        if tls:
            self.secured.append(process)
        self._scrape()
        return process

    def remove(self, process: Process) -> None:
        """End a process, which is scraped no more."""
        process.kill()
        self.processes.remove(process)
        self._scrape()

    def _scrape(self) -> None:
        jobs: dict[str, list[int]] = {"gateway": [], "workers": [], **self.others}
        for each in self.processes:
            jobs["gateway" if each.kind == "gateway" else "workers"].append(each.port)
        self.prometheus.scrape(jobs, [each.port for each in self.secured])

    @property
    def url(self) -> str:
        """The native protocol's address."""
        return f"ws://127.0.0.1:{self.gateway.port}/ws/asr"

    async def ready(self) -> None:
        """Wait until calls are taken and Prometheus has seen every process."""
        await until_true(lambda: self.gateway.ready() and self.denoise.ready(), 60)
        up, count = 'up{job=~"gateway|workers"} == 1', len(self.processes)
        await until_true(lambda: len(self.prometheus.query(up)) == count)

    async def call(self, loudness: float, utterances: int) -> Transcript:
        """Make one call at the pace of speech."""
        spoken = messages(speech(loudness, utterances))
        return await converse(self.url, config(), *spoken, FINALIZE, pace=0.1)

    async def calls(self, loudness: float, count: int) -> None:
        """Keep so many calls up until cancelled; one that fails is made again."""

        async def again() -> None:
            while True:
                with suppress(OSError, WebSocketException, AssertionError, TimeoutError):
                    await self.call(loudness, 5)
                await asyncio.sleep(0.2)

        await asyncio.gather(*(again() for _ in range(count)))

    @contextlib.asynccontextmanager
    async def talking(self, loudness: float, count: int) -> AsyncIterator[None]:
        """Keep calls up meanwhile."""
        task = asyncio.create_task(self.calls(loudness, count))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def revive(self, kinds: Sequence[str]) -> None:
        """Start again, until cancelled, what has died of these kinds, as a supervisor would."""
        while True:
            for each in self.processes:
                if each.kind in kinds and not each.alive:
                    each.start()
            await asyncio.sleep(0.05)

    def close(self) -> None:
        """End everything."""
        self.redis.close()
        for each in self.processes:
            each.kill()


@contextlib.contextmanager
def running_system(directory: Path) -> Iterator[System]:
    """Start the system and end it on leaving."""
    with EmbeddedRedis() as server, monitoring(directory) as (prometheus, alertmanager):
        system = System(directory, server, prometheus, alertmanager)
        try:
            yield system
        finally:
            system.close()


def wait_ready(process: Process) -> None:
    """Wait until a process can take work."""
    until(process.ready)
