"""One client's call: its front on one side, the bus on the other.

    NEW ──Open──► OPENING ──claims registered──► OPEN ──Finish, hang-up──► FINISHING ──► ENDED
                     └─────────── refused ────────────────────────────────────────────────┘

Messages are handled as they arrive, synchronously; only opening and disposing wait for Redis.
Audio that arrives while opening waits in the legs like any other.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol
from uuid import uuid4

from common.audio import seconds
from common.bus import keys, wire
from common.bus.keys import Leg
from common.bus.link import Command as RedisCommand
from common.bus.link import Link
from common.bus.reading import Cursor
from common.errors import AtCapacity, BusUnavailable, Unavailable
from common.options import SessionOptions
from common.telemetry.logs import Log
from common.telemetry.metrics import GatewayMetrics
from gateway.admission import admit, open_claims
from gateway.downlink import Downlink
from gateway.fleet import Fleet
from gateway.fronts.api import (
    Audio,
    ClientError,
    Command,
    Configure,
    Created,
    Ended,
    Event,
    Failed,
    Final,
    Finish,
    Flush,
    Front,
    Open,
    Partial,
)
from gateway.ingest import Ingest
from gateway.late_words import LateWords
from gateway.results import Results
from gateway.settings import GatewaySettings
from gateway.uplink import MOST_WAITING, LegUplink, Uplink

TRY_AGAIN_LATER = 1013
"""RFC 6455 registry: the server refuses for now."""
NORMAL_CLOSURE = 1000
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011

_LIVE_AHEAD = 2.0
"""Seconds that a live client may be ahead of its own clock, for bursts of a jittery network."""
_ARRIVALS_EVERY = 1600
_ARRIVALS_KEPT = 128

_log = Log(__name__)


class Client(Protocol):
    """The connection as its session sees it; every method returns at once."""

    def send_soon(self, messages: Sequence[str | bytes]) -> None:
        """Queue messages for the client."""

    def close_soon(self, code: int, reason: str) -> None:
        """Close the connection once everything queued was sent."""

    def hold(self, held: bool) -> None:
        """Stop, or go on, reading from the socket."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """What all sessions of this process share."""

    name: str
    settings: GatewaySettings
    link: Link
    uplink: Uplink
    downlink: Downlink
    fleet: Fleet
    metrics: GatewayMetrics


class _State(Enum):
    NEW = auto()
    OPENING = auto()
    OPEN = auto()
    FINISHING = auto()
    ENDED = auto()


class Session:
    """A call from its first message to its last final. `ended` is called once, when it is over."""

    def __init__(
        self, gateway: Gateway, front: Front, client: Client, ended: Callable[["Session"], None]
    ) -> None:
        self.id = uuid4().hex
        self._gateway = gateway
        self._front = front
        self._client = client
        self._ended = ended
        self._state = _State.NEW
        self._legs: list[LegUplink] = []
        self._held = False
        self._finish_wanted = False
        self._finishing_since: float | None = None
        self._opening: asyncio.Task[None] | None = None
        self._began: float | None = None
        """When the first audio came."""
        self._arrivals: deque[tuple[int, float]] = deque(maxlen=_ARRIVALS_KEPT)
        self._late_words = LateWords(gateway.link, self.id)

    @property
    def registered(self) -> bool:
        """Whether Redis holds this session."""
        return self._state in (_State.OPEN, _State.FINISHING)

    @property
    def meta(self) -> bytes:
        """The key that stands for the session: without it, it is gone."""
        return keys.session_key(self.id, "meta")

    @property
    def streams(self) -> list[bytes]:
        """Every other key that must live as long as the session does."""
        kinds = ("audio", "clean", "speech", "text", "held")
        return [leg.leg.key(kind) for leg in self._legs for kind in kinds]

    @property
    def audio_horizons(self) -> list[tuple[bytes, int]]:
        """Each leg's audio stream and the position its audio ends at."""
        return [(leg.leg.key("audio"), leg.position) for leg in self._legs]

    # --- from the client ---

    def receive(self, message: str | bytes) -> None:
        """Handle one message; a mistake of the client is answered, and ends the call if fatal."""
        try:
            if isinstance(message, str):
                commands = self._front.receive_text(message)
            else:
                commands = self._front.receive_binary(message)
            for command in commands:
                self._carry_out(command)
        except ClientError as error:
            self._tell(error.event)
            if error.close_code is not None:
                self._gateway.metrics.refusals.labels(error.code).inc()
                self.hang_up()
                self._client.close_soon(error.close_code, error.code)

    def fail(self, error: Exception) -> None:
        """End this call because of a bug of ours; other calls go on."""
        _log.exception("session.failed", error, session=self.id)
        self._tell(Failed("internal_error", "the server made a mistake", fatal=True))
        self.hang_up()
        self._client.close_soon(INTERNAL_ERROR, "internal_error")

    def hang_up(self) -> None:
        """Take note that the client is gone; what was said so far is still transcribed."""
        if self._state is _State.NEW:
            self._end()
        elif self._state in (_State.OPENING, _State.OPEN):
            self._finish()

    def give_up(self) -> None:
        """Send a client away that has not opened its call: it takes the place of one that will."""
        if self._state is _State.NEW:
            self._gateway.metrics.refusals.labels("open_timeout").inc()
            self._tell(Failed("open_timeout", "the call was not opened in time", fatal=True))
            self.hang_up()
            self._client.close_soon(POLICY_VIOLATION, "open_timeout")

    def lose(self, code: str, text: str) -> None:
        """Give the call up: its results will never be complete."""
        if self._state is _State.ENDED:
            return
        _log.error("session.lost", session=self.id, reason=text)
        self._tell(Failed(code, text, fatal=True))
        self._client.close_soon(INTERNAL_ERROR, code)
        self._end()

    @property
    def overdue(self) -> bool:
        """Whether the results of a call that has ended are so late that they will not come."""
        since = self._finishing_since
        return since is not None and time.monotonic() - since > keys.SESSION_TTL

    def go_away(self, code: int, reason: str) -> None:
        """End the call for a reason of the server's own."""
        self._tell(Failed("going_away", reason, fatal=True))
        self.hang_up()
        self._client.close_soon(code, reason)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Open(options, audio, events):
                self._open(options, Ingest(audio), audio.channels, speech=bool(events))
            case Audio(data):
                self._push(self._ingest.push(data))
            case Configure(options):
                self._control({"t": "config", "options": options.to_wire()})
            case Flush():
                self._push(self._ingest.flush())
                self._control({"t": "flush"})
            case Finish():
                if self._ingest.truncated is not None:
                    self._tell(self._ingest.truncated.event)
                self._finish()

    def _open(
        self, options: SessionOptions, ingest: Ingest, channels: int, *, speech: bool
    ) -> None:
        self._ingest = ingest
        self._legs = [LegUplink(Leg(self.id, channel)) for channel in range(channels)]
        self._speech = speech
        self._results = Results([leg.leg for leg in self._legs], speech=speech)
        self._state = _State.OPENING
        self._opening = asyncio.create_task(self._register(options), name=f"open:{self.id}")
        self._opening.add_done_callback(self._opened)

    def _opened(self, opening: "asyncio.Task[None]") -> None:
        if not opening.cancelled() and (error := opening.exception()) is not None:
            _log.exception("session.open_failed", error, session=self.id)
            self._tell(Failed("internal_error", "the session could not be opened", fatal=True))
            self._client.close_soon(INTERNAL_ERROR, "internal_error")
            self._end()

    async def _register(self, asked: SessionOptions) -> None:
        gateway = self._gateway
        legs = [leg.leg for leg in self._legs]
        undenoised = gateway.settings.denoise_unavailable == "continue"
        try:
            terms = await admit(gateway.fleet, asked, len(legs), undenoised=undenoised)
        except (Unavailable, AtCapacity, BusUnavailable) as refusal:
            self._refuse(refusal)
            return
        options = terms.options
        if options.denoise != asked.denoise:
            text = "denoise: no worker for it is running; the call goes on without"
            self._tell(Failed("denoise_unavailable", text, fatal=False))
        await open_claims(gateway.link, gateway.name, legs, terms, events=self._speech)
        gateway.downlink.add(self.id, self)
        self._state = _State.OPEN
        gateway.metrics.sessions.inc()
        _log.info("session.opened", session=self.id, legs=len(legs), denoise=options.denoise)
        self._tell(Created(self.id, secrets.token_urlsafe(24)))
        self._touch()
        if self._finish_wanted:
            self._finish()

    def _refuse(self, refusal: Unavailable | AtCapacity | BusUnavailable) -> None:
        code = "at_capacity" if isinstance(refusal, AtCapacity) else "unavailable"
        self._gateway.metrics.refusals.labels(code).inc()
        _log.warning("session.refused", session=self.id, reason=str(refusal))
        self._tell(Failed(code, str(refusal), fatal=True))
        self._client.close_soon(TRY_AGAIN_LATER, code)
        self._end()

    def _push(self, legs: Sequence[bytes]) -> None:
        if not legs[0] or self._state not in (_State.OPENING, _State.OPEN):
            return
        for leg, pcm in zip(self._legs, legs, strict=True):
            leg.audio(pcm)
        self._gateway.metrics.audio.inc(seconds(len(legs[0]) // 2) * len(legs))
        position = self._legs[0].position
        if self._began is None:
            self._began = time.monotonic()
        if not self._arrivals or position - self._arrivals[-1][0] >= _ARRIVALS_EVERY:
            self._arrivals.append((position, time.monotonic()))
        self._touch()

    def _control(self, body: wire.Body) -> None:
        for leg in self._legs:
            leg.control(body)
        self._touch()

    def _touch(self) -> None:
        if not self._held and self._legs[0].waiting > MOST_WAITING:
            self._hold(True)
        if self._state in (_State.OPEN, _State.FINISHING):
            for leg in self._legs:
                self._gateway.uplink.touch(leg, self._relieved)

    def _relieved(self) -> None:
        if self._held and all(leg.waiting <= MOST_WAITING // 2 for leg in self._legs):
            self._hold(False)

    def _hold(self, held: bool) -> None:
        self._held = held
        self._client.hold(held)
        _log.info("session.held" if held else "session.released", session=self.id)

    def _finish(self) -> None:
        if self._state is _State.OPENING:
            self._finish_wanted = True
            return
        self._push(self._ingest.flush())
        self._state = _State.FINISHING
        self._finishing_since = time.monotonic()
        self._control({"t": "end"})

    # --- from the bus ---

    def cursors(self, kinds: Mapping[Leg, set[str]] | None) -> Iterable[Cursor]:
        """See `gateway.downlink.Listener`."""
        return self._results.cursors(kinds)

    def deliver(self, news: Mapping[bytes, list[wire.RawEntry]]) -> None:
        """See `gateway.downlink.Listener`."""
        for event in self._results.read(news):
            self._measure(event)
            self._tell(event)
        self._late_words.note(self._results.awaited)
        if not self._results.ended or self._state is _State.ENDED:
            return
        if self._late_words.pending:
            self._late_words.forgo_after(self._gateway.settings.words_wait_s)
        else:
            self._tell(Ended())
            self._client.close_soon(NORMAL_CLOSURE, "finished")
            self._end()

    def forgo_overdue_words(self) -> None:
        """See `LateWords.forgo_overdue`."""
        self._late_words.forgo_overdue()

    def _measure(self, event: Event) -> None:
        if not self._live():
            return
        match event:
            case Partial():
                age = self._age(event.end)
                self._gateway.metrics.partial_latency.observe(age)
            case Final() if event.text:
                self._gateway.metrics.endpoint_to_final.observe(self._age(event.at))

    def _live(self) -> bool:
        """Whether the audio comes at the pace it is spoken; latencies mean nothing in an upload."""
        ahead = seconds(self._legs[0].position) - (time.monotonic() - (self._began or 0.0))
        return ahead < _LIVE_AHEAD

    def _age(self, position: int) -> float:
        """Return seconds since the audio before `position` had arrived."""
        arrived = next((at for end, at in self._arrivals if end >= position), None)
        return time.monotonic() - arrived if arrived is not None else 0.0

    def _tell(self, event: Event) -> None:
        self._client.send_soon(self._front.render(event, time.time()))

    def _end(self) -> None:
        if self.registered:
            self._gateway.metrics.sessions.dec()
        self._late_words.close()
        self._state = _State.ENDED
        self._ended(self)

    # --- afterwards ---

    async def dispose(self) -> None:
        """Remove the session's working keys; its transcript stays readable for the retention."""
        self._gateway.downlink.remove(self.id)
        if self._opening is not None and self._opening is not asyncio.current_task():
            await asyncio.gather(self._opening, return_exceptions=True)
        if not self._legs:
            return
        working = ("audio", "clean", "speech", "held", "ckpt:vad", "ckpt:denoise")
        retention = round(self._gateway.settings.retention_s)
        commands: list[RedisCommand] = [
            ("UNLINK", leg.leg.key(kind)) for leg in self._legs for kind in working
        ]
        kept = [self.meta, *(leg.leg.key("text") for leg in self._legs)]
        commands += [("EXPIRE", key, retention) for key in kept]
        await self._gateway.link.insist(commands)
        _log.info("session.closed", session=self.id, seconds=round(self._duration(), 2))

    def _duration(self) -> float:
        return seconds(self._legs[0].position)
