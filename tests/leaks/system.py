"""The system that the calls of a run go through, and everything that takes down what it says."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from aiohttp import web

from tests.chaos.rig import Rig, running
from tests.chaos.stack import Layout
from tests.integration.pipeline.collector import Collector, collecting
from tests.integration.protocols.calls import own_ports, port_flags
from tests.leaks.calls import EVERYTHING, SILENCE_S, Setup

_SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(slots=True)
class System:
    rig: Rig
    collector: Collector
    bodies: list[str]
    """What the webhook's receiver got."""
    told: "Tape"


class Tape:
    """Takes down what is told to all clients behind a proxy."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def __call__(self, data: bytes) -> None:
        self._parts.append(data)

    def getvalue(self) -> bytes:
        """Return all of it."""
        return b"".join(self._parts)


@asynccontextmanager
async def system(setup: Setup, directory: Path, problems: list[str]) -> AsyncIterator[System]:
    for name in ("redis", "logs", "sinks", "recordings"):
        (directory / name).mkdir()
    bodies: list[str] = []
    secret = directory / "secret"
    secret.write_text(_SIGNING)
    with collecting() as collector:
        async with _receiver(bodies) as webhook:
            own = own_ports()
            flags = (
                *("--webhook-url", webhook, "--webhook-secret-file", str(secret)),
                *("--sinks", f"archive=file:{directory / 'sinks'}"),
                *("--recordings", f"file:{directory / 'recordings'}", "--record"),
                *("--otlp-endpoint", collector.url),
                *("--asr-load", "0", "--retention-s", "600", "--log-level", "debug"),
            )
            told = Tape()
            async with running(
                _layout(setup, own, flags),
                own,
                directory / "logs",
                uuid4().hex,
                seed=setup.seed,
                data=directory / "redis",
                told=told,
                rdbcompression="no",
            ) as rig:
                supervising = asyncio.create_task(rig.stack.supervise())
                yield System(rig, collector, bodies, told)
                supervising.cancel()
                problems += await rig.end()


def _layout(setup: Setup, own: Mapping[str, int], flags: Sequence[str]) -> Layout:
    gateway = ("callscribe", "gateway")
    hides = ("--language", "en", "--redact", ",".join(EVERYTHING))
    pauses = ("--silence-threshold", str(SILENCE_S))
    worker = ("--log-level", "debug", "--lease-s", "2", "--heartbeat-s", "0.3")
    return Layout(
        {"gateway": 2 if setup.faults else 1, "steady": 1, "vad": 1, "asr": 2, "align": 1},
        {
            "gateway": gateway,
            "steady": gateway,
            "vad": ("bench.dummies", "vad"),
            "asr": ("tests.leaks.recogniser", "asr"),
            "align": ("tests.leaks.recogniser", "align"),
        },
        {
            "gateway": flags,
            "steady": (*flags, *port_flags(own), *hides, *pauses),
            "vad": worker,
            "asr": worker,
            "align": worker,
        },
    )


@asynccontextmanager
async def _receiver(bodies: list[str]) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        bodies.append(await request.text())
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
