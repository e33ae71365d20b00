"""A conversation's surroundings: a client on one side, stand-ins for what it shares."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Any, cast
from uuid import uuid4

import hiredis

from common.bus import scripts, wire
from common.bus.keys import Leg
from common.bus.wire import StreamId
from common.errors import BusUnavailable, CallscribeError
from common.options import SessionOptions
from common.pipeline import text
from common.pipeline.access import OPEN_TENANT
from common.pipeline.control import COMMAND
from common.pipeline.stages import StageSpec, chosen
from common.pipeline.work import LEG_WORK, LegWork
from common.redis.link import Command, CommandError
from common.redis.script import Script
from common.telemetry.metrics import GatewayMetrics, new_registry
from gateway.access.gate import Denied
from gateway.access.meter import Meter
from gateway.access.principal import Principal, anonymous
from gateway.access.tenant_metrics import TenantMetrics
from gateway.calls.call import Call
from gateway.calls.maintenance import Maintenance
from gateway.calls.opening import Openings
from gateway.calls.services import Patience, Services
from gateway.calls.spans import NoSpans
from gateway.calls.state import State
from gateway.calls.store import SessionStore
from gateway.calls.table import Calls
from gateway.conversations.conversation import Conversation
from gateway.conversations.newcomers import Newcomers
from gateway.conversations.opening import Opening
from gateway.conversations.surroundings import Surroundings as ConversationSurroundings
from gateway.downlink.traces import Traces
from gateway.protocols import native
from gateway.protocols.api import Request
from gateway.protocols.commands import About, AudioFormat
from gateway.record import ResumeToken, SessionRecord
from gateway.settings import GatewaySettings
from gateway.standby import Standby
from gateway.uplink.leg import LegUplink
from gateway.uplink.throttle import Throttle
from gateway.webhooks.rules import WebhookRules

CONFIG = json.dumps({"type": "config", "encoding": "pcm16"})
WORDS = json.dumps({"type": "config", "words": True})
STEREO = json.dumps({"type": "config", "encoding": "pcm16", "channels": 2, "denoise": True})
FINALIZE = '{"type": "finalize"}'
FLUSH = '{"type": "flush"}'
TOKEN = ResumeToken("call", "secret")


def commands(data: bytes) -> list[list[bytes]]:
    """Decode RESP back into commands."""
    reader = hiredis.Reader()
    reader.feed(data)
    decoded: list[list[bytes]] = []
    while (command := reader.gets()) is not False:
        decoded.append(command)
    return decoded


def taken(leg: LegUplink) -> list[tuple[bytes, bytes]]:
    """Write all that waits; return it as (kind, value), where a control's value is its type."""
    found = []
    while part := leg.dequeue():
        for command in commands(part[1]):
            if command[0] == b"XADD":
                found.append((b"audio", command[-1]))
            elif command[0] == b"EVAL":
                assert command[1].decode() == scripts.CONTROL.source
                found.append((b"control", COMMAND.unpack(command[8]).t.encode()))
        leg.settle(owned=True, now=0.0)
    return found


SOMEBODY = anonymous("192.0.2.1")


class Client:
    """A client that records what happens to it."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self.paused: list[bool] = []

    def send_soon(self, messages: Sequence[str | bytes]) -> None:
        self.messages += [json.loads(message) for message in messages]

    def close_soon(self, code: int, reason: str) -> None:
        self.closed = self.closed or (code, reason)

    def set_paused(self, paused: bool) -> None:
        self.paused.append(paused)

    @property
    def kinds(self) -> list[str]:
        return [m.get("code", m["type"]) for m in self.messages]


class Surroundings:
    """Stands in for what a session shares with others: link, uplink, downlink, workers.

    `call` is what Redis holds of the call `TOKEN`, None if nothing.
    """

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.work_items: list[str] = []
        self.offered: list[LegWork] = []
        self.forgone: list[tuple[int, str]] = []
        self.legs: set[LegUplink] = set()
        self.touched: set[LegUplink] = set()
        self.listeners: dict[str, object] = {}
        self.doorbells: list[str] = []
        self.looked_for: list[str] = []
        self.absent: list[str] = []
        self.objection: CallscribeError | None = None
        self.connected = True
        self.generation = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.call: StoredCall | None = None
        self.used: list[tuple[Any, ...]] = []
        """What was told of calls' use: key, legs, audio and speech in ms."""
        self.audio_today = 0
        """What Redis answers to that: the key's audio in ms."""
        self.most_audio = 0
        """Seconds of audio that a key has a day."""
        self.revoked = False
        """Whether the client's key was revoked."""
        self.retention: dict[str, int] = {}
        """Seconds that a tenant's transcripts stay, where its keys say so."""
        self.owner: bytes | None = None
        self.attempt = 0
        """The client's latest attempt to resume."""
        self.renewed: list[tuple[str, ...]] = []
        self.known_as: dict[str, str] = {}
        self.left: list[str] = []
        self.closed = False
        """Whether the gateway drains."""
        self.counted: list[list[str]] = []
        """The calls that stay counted, in each round of maintenance."""
        self.extra: Callable[[Command], object] = lambda command: None
        """Answers questions of no interest to tests of one session."""
        self.orphans: Callable[[int, bool], list[bytes]] = lambda silence_ms, take: []
        self.ran: dict[Script, list[tuple[Any, ...]]] = {}
        """The arguments of every script that was run."""
        self.answers: dict[Script, object] = {}
        """What scripts answer here instead; an exception is raised."""
        self.hangs_at = ""
        """A command at which Redis stops to answer, until `gate` is set."""

    # --- the gate ---

    def retention_of(self, tenant: str) -> int:
        return self.retention.get(tenant, 0)

    def check_again(self, who: Principal) -> None:
        if self.revoked:
            raise Denied(HTTPStatus.UNAUTHORIZED, "revoked_key", "the key was revoked")

    # --- the link ---

    async def insist(self, commands: Sequence[Command]) -> list[object]:
        if self.hangs_at and any(command[0] == self.hangs_at for command in commands):
            self.gate.clear()
        await self.gate.wait()
        self.commands += commands
        return [self._answer(command) for command in commands]

    def _answer(self, command: Command) -> object:
        if command[0] == "XINFO":
            stream_id = self.call.last(cast(bytes, command[2])) if self.call else None
            if stream_id is None:
                return CommandError("ERR no such key")
            return [b"length", 1, b"last-generated-id", wire.entry_id(*stream_id)]
        if command[0] == "ZSCORE":  # no sink lacks anything
            return None
        if command[0] == "HGET":
            return self.owner
        found = self.extra(command)
        return 1 if found is None and command[0] != "SET" else found

    async def evaluate(self, calls: Sequence[tuple[Any, Any, tuple[Any, ...]]]) -> list[object]:
        await self.gate.wait()
        return [self._run(*call) for call in calls]

    def _run(self, script: Script, keys: Any, arguments: tuple[Any, ...]) -> object:
        self.ran.setdefault(script, []).append(arguments)
        if isinstance(answer := self.answers.get(script), Exception):
            raise answer
        if answer is not None:
            return answer
        if script is scripts.ATTACH:
            words = text.WORDS.unpack(arguments[2])
            assert words.words is None
            self.forgone.append((arguments[0], words.trouble))
        elif script is scripts.USE:
            self.used.append(arguments[:4])
            return [self.audio_today, 0, 0, 0, 0]
        elif script is scripts.OFFER:
            self.work_items.append(f"{keys[0].decode()} {arguments[0]}")
            self.offered.append(LEG_WORK.unpack(arguments[1]))
        elif script is scripts.ACQUIRE_CALL:
            proof, owner, _, _, attempt, former, _ = arguments
            if self.call is None or proof not in ("", TOKEN.digest(OPEN_TENANT)):
                return []
            if former and self.owner != former.encode():
                return -1
            if attempt:
                if attempt < self.attempt:
                    return -1
                self.attempt = attempt
            self.owner = owner.encode()
            return self.call.meta()
        elif script is scripts.RENEW_CALL:
            owner, seconds = arguments
            if self.owner == owner.encode():
                self.commands += [("EXPIRE", key, seconds) for key in keys]
            return self.owner
        elif script is scripts.RETIRE_CALL:
            _, seconds, stay, remains = arguments
            if remains != "whole":
                broken = remains == "broken"
                self.commands.append(("HDEL", keys[0], "secret") if broken else ("UNLINK", keys[0]))
            self.commands += [("UNLINK", key) for key in keys[stay + 1 :]]
            kept = keys[: stay + 1] if remains != "nothing" else keys[1 : stay + 1]
            self.commands += [("EXPIRE", key, seconds) for key in kept]
        elif script is scripts.MAY_CALL:
            return 0
        elif script in (scripts.GIVE_BACK, scripts.FORGO_CALL):
            return 1
        elif script is scripts.ORPHANS:
            silence, _, take = arguments
            return self.orphans(silence, bool(take))
        else:
            assert script is scripts.RENEW_SESSIONS
            self.renewed.append(arguments[1:])
        return 1

    # --- uplink, downlink, workers, handshakes ---

    def rename(self, call: str, known_as: str) -> None:
        self.known_as[call] = known_as

    async def leave(self, call: str) -> None:
        self.left.append(call)

    async def renew(self, calls: Iterable[str]) -> None:
        self.counted.append([*calls])

    def touch(self, leg: LegUplink) -> None:
        self.touched.add(leg)

    def add(self, *what: Any) -> None:
        if len(what) == 1:
            self.legs.add(what[0])
        else:
            session, listener, doorbell = what
            self.listeners[session] = listener
            self.doorbells.append(doorbell)

    def remove(self, *what: Any) -> None:
        if len(what) == 1:
            self.legs.discard(what[0])
        else:
            session, listener, doorbell = what
            if self.listeners.get(session) is listener:
                del self.listeners[session]
            if doorbell in self.doorbells:
                self.doorbells.remove(doorbell)

    async def look_for(self, session: str) -> None:
        self.looked_for.append(session)

    def missing(self, stages: Sequence[StageSpec]) -> list[str]:
        return [stage.name for stage in stages if stage.name in self.absent]

    async def look(self) -> None:
        if isinstance(self.objection, BusUnavailable):
            raise self.objection

    def admit(self, name: object, stages: Sequence[StageSpec], legs: int) -> None:
        if self.objection is not None:
            raise self.objection


class StoredCall:
    """What Redis holds of the call `TOKEN`: its record, and per channel where its audio ends."""

    def __init__(
        self,
        *stream_ids: StreamId,
        options: SessionOptions | None = None,
        audio: AudioFormat | None = None,
        events: frozenset[str] = frozenset(),
        gateway: str = "other",
        seq: int = 0,
        controls: tuple[int, ...] = (0, 0),
        ends: tuple[int | None, ...] = (None, None),
    ) -> None:
        sound = audio or AudioFormat("pcm16", 16_000, max(1, len(stream_ids)))
        options = options or SessionOptions()
        stages = chosen(options)
        self.record = SessionRecord(options, sound, events, About(), stages, "first")
        self._stream_ids = stream_ids
        self._gateway = gateway
        self._seq = seq
        self._controls = controls
        self._ends = ends

    def last(self, key: bytes) -> StreamId | None:
        for channel, stream_id in enumerate(self._stream_ids):
            if key == Leg(TOKEN.session, channel).key("audio"):
                return stream_id
        return None

    def meta(self) -> list[object]:
        per_channel: list[object] = []
        for controls, end in zip(self._controls, self._ends, strict=True):
            per_channel.append(b"%d" % controls if controls else None)
            per_channel.append(None if end is None else b"%d" % end)
        head = [self.record.pack(), self.record.pack_options(), self._gateway.encode()]
        return [*head, b"%d" % self._seq if self._seq else None, *per_channel]


class Table:
    """A conversation with a client on one side, and its call with stand-ins on the other."""

    def __init__(
        self, *, beside: "Table | None" = None, returning: bool = False, **settings: Any
    ) -> None:
        self.client = Client()
        if beside is None:
            self.around = Surroundings()
            self.metrics = GatewayMetrics.build(new_registry(version="0", service="gateway"))
            self._build(GatewaySettings(**settings))
        else:
            self.__dict__ |= {k: v for k, v in beside.__dict__.items() if k != "client"}
        self.over: list[Conversation] = []
        name = uuid4().hex
        throttle = Throttle(name, self.client.set_paused, rate=16, burst=30)
        self.conversation = Conversation(
            self.shared,
            native.PROTOCOL.build(SessionOptions(), Request()),
            self.client,
            throttle,
            Opening(
                self.shared,
                throttle,
                name=name,
                who=SOMEBODY,
                protocol="native",
                returning=returning,
                resumable=True,
            ),
            self.over.append,
        )
        self._adopted: Call | None = None

    def _build(self, settings: GatewaySettings) -> None:
        link = cast(Any, self.around)
        self.settings = settings
        self.store = SessionStore(link, "g")
        registry = new_registry(version="0", service="gateway")
        self.meter = Meter(link, TenantMetrics.build(registry))
        services = Services(
            link=link,
            uplink=link,
            feed=link,
            traces=Traces(link, "g", self.metrics),
            spans=NoSpans(),
            store=self.store,
            metrics=self.metrics,
            patience=Patience(
                resume=settings.resume_s,
                absent=settings.max_absent_per_key,
                words=settings.words_wait_s,
                retention=settings.retention_s,
            ),
            absent=Standby(),
            meter=self.meter,
            forget=link.leave,
        )
        self.calls = Calls(services, lambda: None)
        self.openings = Openings(
            link,
            self.store,
            self.calls,
            connected=lambda: self.around.connected,
            refusal=lambda: None,
            webhook=WebhookRules().chosen,
            meter=self.meter,
            undenoised=settings.denoise_unavailable == "continue",
        )
        self.shared = ConversationSurroundings(
            gateway="g",
            gate=link,
            calls=self.calls,
            openings=self.openings,
            feed=link,
            handshakes=link,
            metrics=self.metrics,
            spans=NoSpans(),
            newcomers=Newcomers(settings.max_unopened_per_key),
        )

    def maintenance(self) -> Maintenance:
        """Return what looks after this gateway's calls."""
        link = cast(Any, self.around)
        shared = (link, self.store, self.calls, self.openings, link)
        return Maintenance(
            *shared,
            lambda: [call.id for call in self.calls],
            self.meter,
            lambda key: self.around.most_audio,
            resume_s=self.settings.resume_s,
        )

    @property
    def call(self) -> Call:
        """The call, once there is one."""
        call = self.conversation.call or self._adopted
        assert call is not None
        return call

    @property
    def ended(self) -> bool:
        """Whether nothing is left, of the conversation and of its call."""
        call = self.conversation.call
        talked = self.over == [self.conversation]
        return talked and (call is None or call.state is State.ENDED)

    async def open(self, config: str = CONFIG) -> None:
        self.conversation.receive(config)
        await quiet()

    async def come_back(self, seq: int = 0, token: str = str(TOKEN), **more: int) -> None:
        """Resume the call that Redis holds."""
        await self.open(json.dumps({"type": "config", "resume": token, "seq": seq, **more}))

    async def adopt(self, former: str = "former") -> None:
        """Adopt the call that Redis holds as an orphan."""
        await self.maintenance().adopt("call", former)
        self._adopted = next(iter(self.calls), None)

    async def disposed(self) -> None:
        """Wait until what has ended is removed."""
        await self.calls.settle(5)
        if self.conversation.call is None and self.over:
            await self.conversation.opening.leave_admission()

    def written(self, channel: int = 0) -> list[bytes]:
        """Write what waits in a leg that was touched; return it, with a control's type as its
        value."""
        found = [leg for leg in self.call.intake.legs if leg in self.around.touched]
        return [value for _, value in taken(found[channel])]

    def deliver(self, news: dict[bytes, list[wire.RawEntry]]) -> None:
        """Give the call what was read from its result streams."""
        self.call.deliver(news)

    def text(self, channel: int = 0) -> bytes:
        return Leg(self.call.id, channel).key("text")

    def refused(self, reason: str) -> float:
        return cast(float, self.metrics.refusals.labels(reason)._value.get())

    @property
    def sessions(self) -> float:
        return cast(float, self.metrics.sessions._value.get())


async def quiet() -> None:
    """Let every task go as far as it can."""
    for _ in range(30):
        await asyncio.sleep(0)


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)
