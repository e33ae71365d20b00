"""One running gateway under hostile clients: it lives, stays quick, logs no traceback, and is lean.

Each batch goes to one listener. After it, a good call over the same listener has its text.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import websockets.asyncio.client as ws
from hypothesis import Phase, given, seed
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus, WebSocketException

from gateway.protocols import PROTOCOLS
from gateway.protocols.api import Protocol, Transport
from gateway.protocols.commands import CODINGS, AudioFormat
from tests.fuzz.strategies import NAME, dialogues, endless, junk, raw_frames, requests
from tests.fuzz.streams import Stream, compressed
from tests.integration.pipeline.resuming import gateway, workers
from tests.integration.pipeline.services import Service
from tests.integration.protocols.calls import Call, Ports, call, own_ports, port_flags, transcript
from tests.integration.protocols.clients import CLIENTS, WIDE, Message
from tests.integration.protocols.speech import spoken
from tests.real_redis import real_redis

ABREAST = 8
"""Hostile clients at a time."""
PATIENCE_S = 0.05
"""Seconds that a hostile client listens after its last message."""
MOST_WAIT_S = 10.0
"""Seconds within which the gateway answers a page, whatever else it is told."""
MOST_GROWTH_MB = 48.0

_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@dataclass(slots=True)
class Target:
    """The gateway, and what has been done to it."""

    service: Service
    ports: Ports
    log: Path
    inputs: dict[str, int] = field(default_factory=dict)
    """Inputs by listener."""
    megabytes: list[float] = field(default_factory=list)
    """Memory after each batch."""

    def resident(self) -> float:
        """Return the memory that the gateway uses, in MB."""
        lines = Path(f"/proc/{self.service.process.pid}/status").read_text().splitlines()
        (size,) = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
        return int(size) / 1000

    async def check(self, name: str) -> None:
        """See that a good call goes well, and that nothing was broken."""
        began = time.monotonic()
        assert (await asyncio.to_thread(self.service.page, "/health"))[0] == 200
        assert time.monotonic() - began < MOST_WAIT_S, "the gateway hangs"
        for each in {name, "native"} & CLIENTS.keys():
            await good_call(each, self.ports)
        assert self.service.process.poll() is None, "the gateway has ended"
        said = self.log.read_text()
        assert "Traceback" not in said, said[said.index("Traceback") - 500 :][:4_000]
        self.megabytes.append(self.resident())


@contextmanager
def target(log: Path) -> Iterator[Target]:
    """Run a gateway and what it needs; its log goes to a file."""
    own = own_ports()
    flags = (
        "--resume-s",
        "0.2",
        "--retention-s",
        "2",
        "--opening-s",
        "1",
        "--log-level",
        "warning",
    )
    with (
        real_redis() as redis,
        workers(redis.url),
        log.open("wb") as out,
        gateway(redis.url, *flags, *port_flags(own), stderr=out) as service,
    ):
        yield Target(service, Ports(service.port, own), log)


@asynccontextmanager
async def let_in(name: str, ports: Ports, sound: AudioFormat) -> AsyncIterator[Call]:
    """Open a call as soon as its address, which hostile clients share, may shake hands again."""
    until = time.monotonic() + MOST_WAIT_S
    async with AsyncExitStack() as held:
        while True:
            try:
                ours = await held.enter_async_context(call(name, ports, sound))
            except InvalidStatus as refused:
                status = refused.response.status_code
                if status != HTTPStatus.TOO_MANY_REQUESTS or time.monotonic() > until:
                    raise
                await asyncio.sleep(0.2)
            else:
                break
        yield ours


async def good_call(name: str, ports: Ports) -> None:
    """Hold a call in order; it has its text."""
    sound = WIDE if WIDE in CLIENTS[name].formats else CLIENTS[name].formats[0]
    async with let_in(name, ports, sound) as ours:
        await ours.say(spoken(sound))
        if ours.client.finish:
            await ours.finish([])
        else:
            await ours.finish(["two words two more"])
        found = ours.told.text()
        if ours.client.silent:
            (found,) = await transcript(ports, ours.name)
    assert len(found.split()) == 4, f"{name}: {found!r} {ours.told.messages[-3:]}"


def attack(target: Target, inputs: int, from_seed: int) -> None:
    """Send so many inputs to each listener; AssertionError when the gateway does not bear it."""
    for protocol in PROTOCOLS:
        _batch(
            target, protocol.name, _Speaker(protocol), dialogues(protocol.name), inputs, from_seed
        )
        if protocol.transport is Transport.TCP:
            noise = st.lists(junk.filter(lambda each: isinstance(each, bytes)), max_size=5)
            _batch(target, f"{protocol.name} bytes", _Speaker(protocol), noise, inputs, from_seed)
        else:
            framed = raw_frames().map(lambda data: [data])
            _batch(target, f"{protocol.name} frames", _Framer(protocol), framed, inputs, from_seed)
    for protocol in PROTOCOLS:
        if (say := _STREAMING.get(protocol.name)) is not None:
            said = compressed(CODINGS).map(say)
            name = f"{protocol.name} streams"
            _batch(target, name, _Streamer(protocol), said, inputs, from_seed)
    asked = requests().map(lambda data: [data])
    _batch(target, "http", _Asker(), asked, 4 * inputs, from_seed)


Input = Sequence[Message]


class _Speaker:
    """Speaks a protocol, more or less."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def path(self) -> str:
        """Return its address."""
        client = CLIENTS[self._protocol.name]
        return client.path(self._protocol.path, NAME, client.formats[0])

    async def send(self, ports: Ports, messages: Input) -> None:
        port = ports.of(self._protocol.name)
        if self._protocol.transport is Transport.TCP:
            data = b"".join(each for each in messages if isinstance(each, bytes))
            await _exchange(port, data)
            return
        with suppress(WebSocketException, OSError, TimeoutError):
            url = f"ws://127.0.0.1:{port}{self.path()}"
            async with ws.connect(url, compression=None, proxy=None, close_timeout=0.2) as socket:
                for message in messages:
                    safe = message.encode(errors="replace") if isinstance(message, str) else message
                    await socket.send(safe, text=isinstance(message, str))
                async with asyncio.timeout(PATIENCE_S):
                    async for _ in socket:
                        pass


def _native(stream: Stream) -> Input:
    config = {"type": "config", "encoding": stream.coding, "channels": stream.channels}
    return [json.dumps(config), *stream.pieces, '{"type": "finalize"}']


def _deepgram(stream: Stream) -> Input:
    """Name no encoding, as Deepgram's example for browsers."""
    return [*stream.pieces, '{"type": "CloseStream"}']


_STREAMING: Mapping[str, Callable[[Stream], Input]] = {"native": _native, "deepgram": _deepgram}
"""What a client of a protocol says that sends compressed audio."""


class _Streamer(_Speaker):
    """Speaks a protocol whose address names no encoding."""

    def path(self) -> str:
        """See `_Speaker`."""
        return self._protocol.path


class _Framer:
    """Shakes hands, then sends what may be frames."""

    def __init__(self, protocol: Protocol) -> None:
        client = CLIENTS[protocol.name]
        path = client.path(protocol.path, NAME, client.formats[0])
        self._protocol = protocol
        self._handshake = _HANDSHAKE.format(path=path).encode()

    async def send(self, ports: Ports, messages: Input) -> None:
        data = b"".join(each for each in messages if isinstance(each, bytes))
        await _exchange(ports.of(self._protocol.name), self._handshake + data)


class _Asker:
    """Asks for pages; KNOWN is a call that exists."""

    async def send(self, ports: Ports, messages: Input) -> None:
        for message in messages:
            assert isinstance(message, bytes)
            await _exchange(ports.main, message.replace(b"KNOWN", NAME.encode()))


async def _exchange(port: int, data: bytes) -> None:
    """Send bytes, listen for a while, and leave without a word."""
    with suppress(OSError, TimeoutError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(PATIENCE_S):
                writer.write(data)
                await writer.drain()
                while await reader.read(1 << 16):
                    pass
        finally:
            writer.transport.abort()


def _batch(
    target: Target,
    name: str,
    client: _Speaker | _Framer | _Asker,
    strategy: st.SearchStrategy[Input],
    inputs: int,
    from_seed: int,
) -> None:
    """Send a batch of inputs of one kind, some abreast, then look at the gateway."""
    waiting: list[Input] = []
    sent = 0
    runner = asyncio.Runner()

    async def send_all() -> None:
        nonlocal sent
        sent += len(waiting)
        await asyncio.gather(*(client.send(target.ports, each) for each in waiting))
        waiting.clear()

    # Nothing fails inside: a failure shows afterwards, and there is nothing to shrink.
    @seed(from_seed)
    @endless(max_examples=inputs, phases=[Phase.generate])
    @given(messages=strategy)
    def one(messages: Input) -> None:
        waiting.append(messages)
        if len(waiting) == ABREAST:
            runner.run(send_all())

    with runner:
        one()
        runner.run(send_all())
        runner.run(target.check(name.split()[0]))
    target.inputs[name] = sent
