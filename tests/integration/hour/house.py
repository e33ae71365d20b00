"""Gateways with VAD and a recogniser in one event loop, on a real Redis; clients are here, too."""

import asyncio
import gc
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any
from uuid import uuid4

import redis
from prometheus_client import CollectorRegistry

from asr_worker import engines
from asr_worker.settings import AsrSettings
from asr_worker.stage import AsrStage
from common.lifecycle import Stop
from common.redis.link import Link
from common.secret_url import SecretUrl, SecretUrls
from common.settings import StageSettings
from common.stage.api import Stage
from common.stage.runner import Runner
from common.telemetry.metrics import AsrMetrics, GatewayMetrics, StageMetrics, VadMetrics
from gateway.access.principal import anonymous
from gateway.calls.services import Services
from gateway.calls.table import Calls
from gateway.conversations.conversation import Conversation
from gateway.conversations.reception import Reception
from gateway.conversations.surroundings import Surroundings
from gateway.downlink.traces import Traces
from gateway.feed.feed import Feed
from gateway.protocols import PROTOCOLS
from gateway.protocols.api import Message, Request
from gateway.server import GatewayServer
from gateway.settings import GatewaySettings
from gateway.standby import Standby
from gateway.uplink.writer import Uplink
from tests.integration.hour.clock import Clock
from tests.integration.pipeline.digest_asr import DigestEngine
from tests.integration.protocols.clients import CLIENTS
from tests.integration.protocols.speech import seconds, spoken
from tests.real_redis import admin_address
from vad_worker.model import SileroVad
from vad_worker.settings import VadSettings
from vad_worker.stage import VadStage

_TICK_MS = 200
"""Milliseconds between writes of the gateway, and reads of VAD. Each takes a round through Redis:
with the usual ones the hour would take a quarter of an hour."""
_SHARED = (
    *(ModuleType, type, FunctionType, BuiltinFunctionType, asyncio.AbstractEventLoop),
    *(Services, Surroundings, Link, Uplink, Feed, Traces, GatewayMetrics),
    *(GatewayServer, Calls, Reception, Standby),
)
"""What a call refers to and does not own."""


def held(*roots: object, shared: Sequence[type] = _SHARED) -> int:
    """Return the bytes of everything that is reached from here, but not through what is shared."""
    seen = {id(root): root for root in roots}
    waiting, total = list(seen.values()), 0
    while waiting:
        each = waiting.pop()
        total += sys.getsizeof(each)
        for other in gc.get_referents(each):
            if id(other) not in seen and not isinstance(other, (*shared, Caller, House)):
                seen[id(other)] = other
                waiting.append(other)
    return total


class House:
    """Everything but the sockets of clients: so many gateways, and workers of each stage.

    `slots`: work items that a worker carries. `sinks`: the gateways' setting.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        gateways: int = 1,
        workers: int = 1,
        slots: int = 256,
        sinks: str | None = None,
    ) -> None:
        self.clock = clock
        self.gateways: list[GatewayServer] = []
        self.runners: list[Runner[Any]] = []
        self._most = gateways
        self._workers = workers
        self._slots = slots
        self._sinks = None if sinks is None else SecretUrls(sinks)
        self._url = url
        self._where = SecretUrl(url)
        self._stop = Stop()
        self._links: list[Link] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def gateway(self) -> GatewayServer:
        """The first one."""
        return self.gateways[0]

    async def _dial(self, role: str) -> Link:
        link = Link(admin_address(self._url), role)
        await link.connect()
        self._links.append(link)
        return link

    async def start(self) -> None:
        """Start all services."""
        settings = AsrSettings(redis_url=self._where)
        vad = VadSettings(redis_url=self._where, vad_tick_ms=_TICK_MS)
        for number in range(self._workers):
            hears = VadStage(vad, SileroVad, VadMetrics.build(CollectorRegistry()))
            await self._work(hears, vad, number)
            engine = DigestEngine(engines.settings_of(settings))
            writes = AsrStage(settings, engine, AsrMetrics.build(CollectorRegistry()))
            await self._work(writes, settings, number)
        for number in range(self._most):
            gateway = GatewayServer(
                GatewaySettings(
                    redis_url=self._where,
                    port=0,
                    asr_load=0.0,
                    flush_ms=_TICK_MS // 2,
                    sinks=self._sinks,
                ),
                CollectorRegistry(),
                f"gateway{number}",
                self._stop,
            )
            await gateway.start(None)
            self.gateways.append(gateway)
            self._run(gateway.services().values())
        while any(gateway.unready() is not None for gateway in self.gateways):
            await asyncio.sleep(0.05)

    async def _work(self, stage: Stage[Any, Any], settings: StageSettings, number: int) -> None:
        name = f"{stage.spec.name}{number}"
        metrics = StageMetrics.build(CollectorRegistry(), stage.spec.name)
        runner = Runner(
            stage,
            settings,
            slots=self._slots,
            consumer=name,
            metrics=metrics,
            dial=lambda role: self._dial(f"{name}:{role}"),
        )
        await runner.start()
        self.runners.append(runner)
        self._run(runner.services().values())

    def _run(self, services: Any) -> None:
        self._tasks += map(asyncio.create_task, services)

    async def stop(self) -> None:
        """End everything; what has ended before fails the test."""
        self.clock.skipping = False
        ended = [task for task in self._tasks if task.done()]
        for task in ended:
            task.result()
        assert not ended
        for gateway in self.gateways:
            await gateway.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for runner in self.runners:
            await runner.stop()
        for link in self._links:
            await link.close()


class Caller:
    """A client of one protocol, without its socket: it obeys when it is not read."""

    def __init__(self, house: House, protocol: str) -> None:
        self.said = CLIENTS[protocol]
        self.sound = self.said.formats[0]
        self.closed: tuple[int, str] | None = None
        self.answers = 0
        self.protocol = protocol
        self._house = house
        self._protocol = next(each for each in PROTOCOLS if each.name == protocol)
        self._read = asyncio.Event()
        self._read.set()
        self.name = str(uuid4())
        self.conversation = self._connect()

    def _connect(self) -> Conversation:
        asked = self.said.query(self.name, self.sound)
        query = {name: [str(value)] for name, value in asked.items()}
        name = uuid4().hex
        request = Request(path=self._protocol.path, query=query, peer=self.name, session=name)
        reception = self._house.gateway._reception
        who = anonymous(self.name)
        conversation = reception.welcome(self._protocol, request, self, name=name, who=who)
        conversation.begin()
        return conversation

    @property
    def second(self) -> int:
        """The bytes of a second of its audio."""
        return seconds(self.sound, 1)

    # --- its connection ---

    def send_soon(self, messages: Sequence[Message]) -> None:
        """Take the server's messages."""
        self.answers += len(messages)
        for message in messages:
            if self._protocol.resumable and '"resume_token"' in str(message):
                self._token = json.loads(message)["resume_token"]

    def close_soon(self, code: int, reason: str) -> None:
        """Take note that the server closes."""
        self.closed = self.closed or (code, reason)
        self._read.set()

    def set_paused(self, paused: bool) -> None:
        """Take note that nothing is read."""
        (self._read.clear if paused else self._read.set)()

    # --- what it does ---

    async def tell(self, *messages: Message) -> None:
        """Send messages, each once it is read."""
        for message in messages:
            await self._read.wait()
            if self.closed is None:
                self.conversation.receive(message)

    async def speak(self) -> None:
        """Open the call, and say a sentence at its own pace."""
        await self.tell(*self.said.opening(self.name, self.sound))
        audio, second = spoken(self.sound), self.second
        for at in range(0, 4 * second, second // 5):
            await self.tell(*self.said.audio(audio[at : at + second // 5], self.sound))
            await asyncio.sleep(0.2)

    async def resume(self, after: float) -> None:
        """Lose the connection, and resume the call over another."""
        self.conversation.vanish()
        self.conversation.forget_client()
        await asyncio.sleep(after)
        self._read.set()
        self.conversation = self._connect()
        resume = {"type": "config", "resume": self._token, "seq": 0}
        await self.tell(json.dumps(resume))
        await asyncio.sleep(1)

    def held(self) -> int:
        """Return the bytes that the gateway holds for it."""
        return held(self.conversation, *([self.conversation.call] * bool(self.conversation.call)))

    def stored(self, client: redis.Redis) -> int:
        """Return the bytes that Redis holds for its call."""
        keys = client.scan_iter(f"*:{self.conversation.id}*", count=1000)
        return sum(int(client.memory_usage(key, samples=0) or 0) for key in keys)


async def every(seconds: float, caller: Caller, *messages: Message) -> None:
    """Send messages again and again, until the server closes."""
    with suppress(asyncio.CancelledError):
        while caller.closed is None:
            await caller.tell(*messages)
            await asyncio.sleep(seconds)
