"""One client's call: its front on one side, the bus on the other.

    NEW ──Open, Resume──► OPENING ──Redis has it──► OPEN ──Finish, hang-up──► FINISHING ──► ENDED
                             └──────── refused ─────────────────────────────────────────────┘

Messages are handled as they arrive, synchronously; only opening and disposing wait for Redis.
Audio that arrives while opening waits in the legs like any other. A client that is lost without
having hung up may come back, here or to another gateway, with its token: there is then another
`Session` for the same call, which owns it, and this one is released.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Any
from uuid import uuid4

from websockets.frames import CloseCode

from common.audio import seconds
from common.telemetry.logs import Log
from gateway.calls import opening
from gateway.calls.absence import Absence
from gateway.calls.context import Client, Gateway, Nobody
from gateway.calls.opening import Refused, Resumption
from gateway.calls.record import ResumeToken, SessionRecord
from gateway.calls.store import HeldLeg
from gateway.downlink.output import Output
from gateway.protocols import api
from gateway.protocols.api import ClientError, Event, Failed, Front
from gateway.uplink.intake import Intake
from gateway.uplink.throttle import Throttle

_log = Log(__name__)


class _State(Enum):
    NEW = auto()
    OPENING = auto()
    OPEN = auto()
    FINISHING = auto()
    ENDED = auto()


class Session:
    """A call from its first message to its last final. `ended` is called once, when it is over.

    `name` is its id, unless its client comes back to another; `returning`: as it has to. `caller`
    tells its client from others (`gateway.admission.quota.caller`).
    """

    intake: Intake
    """The audio of a call that was opened or found."""
    output: Output
    """Its results."""

    def __init__(
        self,
        gateway: Gateway,
        front: Front,
        client: Client,
        ended: Callable[["Session"], None],
        *,
        name: str,
        caller: str = "",
        returning: bool = False,
    ) -> None:
        self.id = name
        self.caller = caller
        self.owner = uuid4().hex
        """Names this connection among all that the call may come to have."""
        settings = gateway.settings
        rate, burst = settings.max_audio_rate, settings.audio_burst_s
        self.throttle = Throttle(name, client.hold, rate=rate, burst=burst)
        self._gateway = gateway
        self._front = front
        self._client = client
        self._ended = ended
        self._state = _State.NEW
        self._present = True
        self._returning = returning
        self._resuming = False
        self._released = False
        self._complete = False
        self._ordinal = 0
        """How many text messages the client has sent since it opened the call."""
        self._finish_wanted = False
        self.finishing_since: float | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._absence = Absence(gateway.absent, caller, self.hang_up)

    @property
    def registered(self) -> bool:
        """Whether Redis holds this session, and this gateway owns it."""
        return self._state in (_State.OPEN, _State.FINISHING)

    @property
    def present(self) -> bool:
        """Whether there is a client on the line."""
        return self._present and self._state is not _State.ENDED

    @property
    def returns(self) -> bool:
        """Whether the client is one that comes back when it is sent away."""
        return self.registered and api.ACK in self.intake.record.events

    @property
    def verbatim(self) -> bool:
        """See `gateway.protocols.api.Front`."""
        return self._front.verbatim

    def adopt(self, session: str, former: str) -> None:
        """Take up a call that no gateway and no client cares for any more, and end it."""
        self._present, self._released = False, True
        self._begin(self._adopt(session, former))

    # --- from the client ---

    def receive(self, message: str | bytes) -> None:
        """Handle one message; a mistake of the client is answered, and ends the call if fatal."""
        try:
            if isinstance(message, str):
                self._ordinal += self._state is not _State.NEW
                commands = self._front.receive_text(message)
            elif self._front.verbatim:
                self.intake.push(message)
                return
            else:
                commands = self._front.receive_binary(message)
            for command in commands:
                self._carry_out(command)
        except ClientError as error:
            self._object(error)

    def _object(self, error: ClientError) -> None:
        self._tell(error.event)
        if error.close_code is not None:
            self._gateway.metrics.refusals.labels(error.code).inc()
            # A mistake on the way back to a call does not end that.
            (self.vanish if self._resuming else self.hang_up)()
            self._client.close_soon(error.close_code, error.code)

    def fail(self, error: Exception) -> None:
        """End this call because of a bug of ours; other calls go on."""
        _log.exception("session.failed", error, session=self.id)
        text = "the server made a mistake"
        self._break_off(CloseCode.INTERNAL_ERROR, "internal_error", text)

    def end_flood(self) -> None:
        """End the call of a client that sends more messages than any client needs."""
        self._gateway.metrics.refusals.labels("message_rate").inc()
        text = "more messages without audio than any client needs"
        self._break_off(CloseCode.POLICY_VIOLATION, "message_rate", text)

    def _break_off(self, close_code: int, code: str, text: str) -> None:
        self._tell(Failed(code, text, fatal=True))
        self.hang_up()
        self._client.close_soon(close_code, code)

    def hang_up(self) -> None:
        """Take note that the client has ended the call; what was said is still transcribed."""
        self._present = False
        if self._state is _State.NEW:
            self._end()
        elif self._state is _State.OPENING:
            self._finish_wanted = True
        elif self._state is _State.OPEN:
            self._finish()

    def vanish(self) -> None:
        """Take note that the connection broke: the call waits for its client for a while."""
        settings = self._gateway.settings
        self._present = False
        if self._state is _State.OPENING and self._resuming:
            return
        if self.registered and self._gateway.door.closed:
            self.send_away()
        elif self._state is not _State.OPEN or not settings.resume_s:
            self.hang_up()
        elif self._absence.begin(settings.resume_s, settings.max_absent_per_key):
            _log.info("session.waiting", session=self.id, seconds=settings.resume_s)

    def forget_client(self) -> None:
        """Let go of the connection, which has ended: with it goes the last message it received."""
        self._client = Nobody()
        self.throttle.forget()

    def give_up(self) -> None:
        """Send a client away that has not opened its call: it takes the place of one that will."""
        if self._state is _State.NEW:
            self._gateway.metrics.refusals.labels("open_timeout").inc()
            self._dismiss(CloseCode.POLICY_VIOLATION, "open_timeout", "no call was opened")

    def lose(self, code: str, text: str) -> None:
        """Give the call up: its results will never be complete."""
        if self._state is not _State.ENDED:
            _log.error("session.lost", session=self.id, reason=text)
            self._dismiss(CloseCode.INTERNAL_ERROR, code, text)

    def supersede(self) -> None:
        """Let go of the call: its client has come back on another connection."""
        if self._state is not _State.ENDED:
            _log.info("session.superseded", session=self.id)
            self._released = True
            self._dismiss(CloseCode.POLICY_VIOLATION, "resumed_elsewhere", opening.ELSEWHERE)

    def send_away(self) -> None:
        """Let go of the call because this gateway ends; another will take it up."""
        if self._state is _State.ENDED:
            return
        self._released = self.registered
        if self.registered:
            self._tell(api.GoingAway(self._gateway.settings.resume_s))
        else:
            self._tell(Failed("going_away", "the server restarts", fatal=True))
        self._client.close_soon(CloseCode.SERVICE_RESTART, "going_away")
        self._end()

    def _carry_out(self, command: api.Command) -> None:
        match command:
            case api.Open() if self._returning:
                raise opening.not_new()
            case api.Open(options, audio, events):
                asked = SessionRecord(options, audio, events, False, self._gateway.name)
                self._prepare(asked, (), 0)
                self._begin(self._register(asked))
            case api.Resume():
                self._resuming = True
                self._begin(self._resume(command))
            case api.Audio(data):
                self.intake.push(data)
            case api.Configure(options):
                self.intake.configure(options, self._ordinal)
            case api.Flush():
                self.intake.flush(self._ordinal)
            case api.Finish():
                if self.intake.truncated is not None:
                    self._tell(self.intake.truncated.event)
                self._finish(self._ordinal)

    def _prepare(self, record: SessionRecord, held: Sequence[HeldLeg], after: int) -> None:
        gateway = self._gateway
        self.intake = Intake(
            gateway.uplink,
            gateway.metrics,
            self.id,
            self.owner,
            record,
            self.throttle,
            held=held,
            on_ack=lambda frame: self._tell(api.AudioAck(frame)),
            on_superseded=self.doubt,
        )
        self.output = Output(
            gateway.link,
            gateway.metrics,
            self.id,
            record,
            self,
            self.intake.arrivals,
            after=after,
            words_wait=gateway.settings.words_wait_s,
        )

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._state = _State.OPENING
        self._gateway.unopened.discard(self.caller, self)
        self._spawn(self._guard(work), "open")

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.add(task := asyncio.create_task(work, name=f"{name}:{self.id}"))
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ClientError as error:
            self._object(error)
        except Refused as refused:
            self._gateway.metrics.refusals.labels(refused.reason).inc()
            _log.warning("session.refused", session=self.id, reason=str(refused))
            self._dismiss(refused.close_code, refused.code, str(refused), refused.retry_after)
        except Exception as error:
            _log.exception("session.open_failed", error, session=self.id)
            self._released = True
            self._dismiss(CloseCode.INTERNAL_ERROR, "internal_error", "it could not be opened")

    async def _register(self, asked: SessionRecord) -> None:
        token = ResumeToken.issue(self.id)
        record = await opening.register(self._gateway, token, self.owner, asked)
        if self._state is _State.ENDED:  # sent away meanwhile
            return
        if (denoise := record.options.denoise) != asked.options.denoise:
            self._tell(Failed("denoise_unavailable", opening.NOT_DENOISED, fatal=False))
        # The options may have changed meanwhile, by a control that is on its way.
        options = replace(self.intake.record.options, denoise=denoise)
        self.intake.record = replace(record, options=options)
        self._gateway.owned[self.id] = self
        self._opened()
        _log.info("session.opened", session=self.id, legs=record.audio.channels, denoise=denoise)
        self._tell(api.Created(self.id, str(token)))
        self._go_on()

    async def _resume(self, asked: api.Resume) -> None:
        found = await opening.resume(self._gateway, self, asked.token, asked.attempt)
        if not self._take_up(found, asked.seq):
            return
        taken, record, start = found.taken, found.taken.record, self.intake.start
        ended = self._state is _State.FINISHING
        self._front.restore(record.options, record.audio, record.events, ended=ended)
        self._ordinal = min(taken.controls)
        self._gateway.metrics.resumptions.inc()
        _log.info("session.resumed", session=self.id, position=start, after=asked.seq)
        self._tell(api.Resumed(self.id, asked.token, start, taken.seq, self._ordinal, ended))
        self._go_on()
        await self._gateway.downlink.look_for(self.id)

    async def _adopt(self, session: str, former: str) -> None:
        found = await opening.adopt(self._gateway, self, session, former)
        self._released = False
        if self._take_up(found, found.taken.seq):
            _log.info("session.adopted", session=self.id)
            self._finish_wanted = True
            self._go_on()

    def succeed(self, session: str) -> bool:
        """See `gateway.calls.opening.Successor`."""
        self._gateway.door.rename(self.id, session)
        self.id = self.throttle.session = session
        if self._state is _State.ENDED:  # sent away meanwhile: the client will be back again
            return False
        former = self._gateway.owned.get(session)
        self._gateway.owned[session] = self
        if former is not None:
            former.supersede()
        return former is not None

    def _take_up(self, found: Resumption, seq: int) -> bool:
        """Go on with a call that was found, unless this connection has lost it meanwhile."""
        if self._state is _State.ENDED:
            return False
        self._prepare(found.taken.record, found.held, seq)
        self._opened()
        if all(leg.ended for leg in found.held):
            self._state = _State.FINISHING
            self.finishing_since = time.monotonic()
        return True

    def _opened(self) -> None:
        self._state = _State.OPEN
        self._gateway.metrics.sessions.inc()
        self._gateway.downlink.add(self.id, self.output, self.intake.record.doorbell)
        self.intake.attach()

    def _go_on(self) -> None:
        """Do what had to wait until Redis held the session."""
        if self._finish_wanted and self._state is _State.OPEN:
            self._finish()
        elif not self._present:
            self.vanish()
        elif self.returns and self._gateway.door.closed:
            self.send_away()

    def _dismiss(
        self, close_code: int, code: str, text: str, retry_after: float | None = None
    ) -> None:
        """Tell the client why, close, and let go of the call."""
        if self._state is _State.ENDED:
            return
        self._tell(Failed(code, text, fatal=True, retry_after=retry_after))
        self._client.close_soon(close_code, code)
        self._end()

    def _finish(self, ordinal: int = 0) -> None:
        if self._state is _State.OPENING:
            self._finish_wanted = True
            return
        self.intake.finish(ordinal)
        self._state = _State.FINISHING
        self.finishing_since = time.monotonic()

    def tell(self, events: Sequence[Event], complete: bool) -> None:
        """See `gateway.downlink.output.Told`."""
        self._tell(*events)
        if complete and self._state is not _State.ENDED:
            self._complete = True
            self._tell(api.Ended())
            self._client.close_soon(CloseCode.NORMAL_CLOSURE, "finished")
            self._end()

    def doubt(self) -> None:
        """See `gateway.downlink.output.Told`."""
        self._spawn(self._look_who_owns(), "owner")

    async def _look_who_owns(self) -> None:
        (owner,) = await self._gateway.roster.owners([self.id])
        if owner is None:
            self.lose("session_lost", "Redis came back without this call")
        elif owner != self.owner:
            self.supersede()

    def _tell(self, *events: Event) -> None:
        for event in events if self._present else ():
            self._client.send_soon(self._front.render(event, time.time()))

    def _end(self) -> None:
        self.throttle.close()
        self._gateway.unopened.discard(self.caller, self)
        self._absence.close()
        if self.registered:
            self._gateway.metrics.sessions.dec()
            self.output.close()
        if self._gateway.owned.get(self.id) is self:
            del self._gateway.owned[self.id]
        self._state = _State.ENDED
        self._ended(self)

    # --- afterwards ---

    async def dispose(self) -> None:
        """Remove the session's working keys; its transcript stays readable for the retention.

        Of a session that was released only what this process holds of it goes.
        """
        waiting = self._tasks - {asyncio.current_task()}
        await asyncio.gather(*waiting, return_exceptions=True)
        if not self._released:
            await self._gateway.door.leave(self.id)
        if not hasattr(self, "intake"):
            return
        gateway, legs = self._gateway, [leg.leg for leg in self.intake.legs]
        gateway.downlink.remove(self.id, self.output, self.intake.record.doorbell)
        self.intake.detach()
        if self._released:
            return
        kept = gateway.settings.retention_s
        await gateway.roster.retire(self.id, legs, kept, whole=self._complete)
        spoken = round(seconds(self.intake.position), 2)
        _log.info("session.closed", session=self.id, seconds=spoken)
