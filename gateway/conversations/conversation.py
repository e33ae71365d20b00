"""One client's connection: its codec on one side, its call on the other.

Messages are handled as they arrive, synchronously; only opening and resuming wait for Redis. Audio
that arrives while a call opens waits in the call like any other.

    NEW ──Open──► TALKING ─────────── hung up, broken, closed ──► OVER
     └───Resume──► RESUMING ──found──► TALKING
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Any
from uuid import uuid4

from websockets.frames import CloseCode

from common.telemetry.logs import Log
from gateway.access.principal import Principal
from gateway.calls import opening
from gateway.calls.call import ELSEWHERE, Call, Ending
from gateway.calls.opening import Refused
from gateway.calls.state import State
from gateway.conversations.asking import (
    asked_by,
    bound_by,
    check_again,
    not_new,
    recounted,
    vouched_for,
)
from gateway.conversations.client import Client
from gateway.conversations.idle import Idle
from gateway.conversations.mistakes import Mistakes
from gateway.conversations.surroundings import Surroundings
from gateway.protocols import commands
from gateway.protocols.api import ClientError, Codec, Message
from gateway.protocols.events import Created, Event, Failed, Resumed
from gateway.protocols.tracing import Parent
from gateway.record import ResumeToken, SessionRecord
from gateway.uplink.throttle import Throttle

_CONTROLS = (commands.Configure, commands.Digit, commands.Finish, commands.Flush)

_log = Log(__name__)


class _State(Enum):
    NEW = auto()
    RESUMING = auto()
    TALKING = auto()
    OVER = auto()


class Conversation:
    """One client's conversation; `ended` is called once, when it is over.

    `name` is the call's id, unless the client resumes another call; with `returning` it must.
    `who` makes it; unless `vouched`, the message that opens the call says who. `resumable`: a call
    whose connection breaks waits for its client. `idle_s`, `waits_s`: see
    `gateway.protocols.api.Protocol`.
    `parent` is the client's span.
    """

    def __init__(
        self,
        around: Surroundings,
        codec: Codec,
        client: Client,
        throttle: Throttle,
        ended: Callable[["Conversation"], None],
        *,
        name: str,
        who: Principal,
        vouched: bool = True,
        returning: bool = False,
        resumable: bool = False,
        idle_s: float = 0.0,
        waits_s: float = 0.0,
        parent: Parent | None = None,
    ) -> None:
        self.id = name
        self.who = who
        self._came_as = who.caller
        self.owner = uuid4().hex
        """Tells this connection from all others of the call."""
        self.throttle = throttle
        self.call: Call | None = None
        self._around = around
        self._codec = codec
        self._client: Client | None = client
        self._ended = ended
        self._returning = returning
        self._resumable = resumable
        self._waits_s = waits_s
        self._parent = parent
        self._state = _State.NEW
        self._vouched = vouched
        self._present = True
        self._hung_up = False
        self._ordinal = 0
        """The number of the newest control. A client that resumes counts its text messages since
        it opened the call; of others each control has a number."""
        self._mistakes = Mistakes(around.metrics)
        self._task: asyncio.Task[None] | None = None
        self._idle = Idle(idle_s, self._end_idle, self._may_be_idle)
        around.newcomers.add(self._came_as, self)

    @property
    def present(self) -> bool:
        """Whether there is a client on the line."""
        return self._present and self._state is not _State.OVER

    @property
    def returns(self) -> bool:
        """Whether the client resumes its call when it is closed with a resume hint."""
        return self.call is not None and self.call.returns

    @property
    def divisible(self) -> bool:
        """See `gateway.protocols.api.Codec`."""
        return self._codec.divisible

    def is_control(self, data: bytes) -> bool:
        """See `gateway.protocols.api.Codec`."""
        return self._codec.is_control(data)

    # --- from the client ---

    def begin(self) -> None:
        """Do what the client's request alone asks for."""
        self._idle.begin()
        try:
            self._translate(self._codec.connected)
        except Exception as error:
            self.fail(error)

    def receive(self, message: Message) -> None:
        """Handle one message; a mistake of the client is answered, and ends the call if fatal."""
        self._idle.heard()
        if isinstance(message, str):
            # Clients that resume count their texts; else one text may have several controls.
            self._ordinal += self._resumable and self._state is not _State.NEW
            numbered = not self._resumable
            self._translate(lambda: self._codec.receive_text(message), numbered=numbered)
        elif self._codec.verbatim and self.call is not None:
            try:
                self.call.intake.push(message)
            except ClientError as error:
                self._object(error)
        else:
            self._translate(lambda: self._codec.receive_binary(message), numbered=True)

    def receive_end(self) -> None:
        """Take note that the client sends nothing more, but still listens."""
        self._translate(self._codec.receive_end, numbered=True)

    def fail(self, error: Exception) -> None:
        """End this call because of a bug of ours; other calls go on."""
        _log.exception("session.failed", error, session=self.id)
        self._break_off(CloseCode.INTERNAL_ERROR, "internal_error", "the server made a mistake")

    def end_flood(self) -> None:
        """End the call of a client that sends more messages than any client needs."""
        self._around.metrics.refusals.labels("message_rate").inc()
        text = "more messages without audio than any client needs"
        self._break_off(CloseCode.POLICY_VIOLATION, "message_rate", text)

    def revoke(self) -> None:
        """End the call of a client whose key was revoked; what was said is still transcribed."""
        self._around.metrics.refusals.labels("revoked_key").inc()
        self._break_off(CloseCode.POLICY_VIOLATION, "revoked_key", "the key was revoked")

    def hang_up(self) -> None:
        """Take note that the client has ended the call; what was said is still transcribed."""
        self._leave(hung_up=True)

    def vanish(self) -> None:
        """Take note that the connection broke: the call waits for its client for a while."""
        self._leave(hung_up=not self._resumable)

    def forget_client(self) -> None:
        """Drop the connection, which has ended, and with it the last message it received."""
        self._client = None
        self.throttle.forget()

    def overdue(self) -> None:
        """Close a client that has not opened its call in time, unless its protocol lets it wait."""
        if self._state is not _State.NEW:
            return
        if self._waits_s and self._codec.introduced:
            self._around.newcomers.late(self._came_as, self, self._waits_s)
        else:
            self.give_up()

    def give_up(self) -> None:
        """Close a client that has not opened its call, to make room for one that will."""
        if self._state is _State.NEW:
            self._around.metrics.refusals.labels("open_timeout").inc()
            self._dismiss(CloseCode.POLICY_VIOLATION, "open_timeout", "no call was opened")

    def send_away(self) -> None:
        """Close with a resume hint because this gateway ends; another will go on with the call."""
        if self.call is not None and self.call.running:
            self.call.release()
        else:
            if self.call is not None:
                self.call.abandon()
            self._dismiss(CloseCode.SERVICE_RESTART, "going_away", "the server restarts")

    def supersede(self) -> None:
        """See `gateway.calls.table.Holder`: another has resumed the call meanwhile."""
        self._dismiss(CloseCode.POLICY_VIOLATION, "resumed_elsewhere", ELSEWHERE)

    async def leave_admission(self) -> None:
        """Stop counting in admission; for a conversation that ended without a call."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self._around.handshakes.leave(self.id)

    # --- from the call ---

    def tell(self, events: Sequence[Event]) -> None:
        """See `gateway.calls.call.Audience`."""
        if self._client is None or not self._present:
            return
        for event in events:
            self._client.send_soon(self._codec.render(event, time.time()))

    def object(self, error: ClientError) -> None:
        """See `gateway.calls.call.Audience`."""
        self._object(error)

    def over(self, ending: Ending) -> None:
        """See `gateway.calls.call.Audience`."""
        self.tell([ending.event])
        self._close(ending.close_code, ending.reason)
        self._end()

    # --- how it goes ---

    def _translate(
        self, read: Callable[[], Sequence[commands.Command]], *, numbered: bool = False
    ) -> None:
        """Carry out what is read; `numbered`: each control in it has an ordinal of its own."""
        try:
            asked, mistake = read(), None
        except ClientError as error:
            asked, mistake = error.before, error
        try:
            for command in asked:
                if isinstance(command, _CONTROLS):
                    self._ordinal += numbered
                    self.throttle.control()
                self._carry_out(command)
        except ClientError as error:
            mistake = error
        if mistake is not None:
            self._object(mistake)
            # Its traceback has this frame, which has the message: a cycle, of a megabyte maybe.
            del mistake

    def _carry_out(self, command: commands.Command) -> None:
        match command:
            case commands.Say(messages):
                if self._client is not None:
                    self._client.send_soon(messages)
            case commands.Mistake(code, message):
                self._object(ClientError(code, message))
            case commands.Open():
                if self._returning:
                    raise not_new()
                self._open(command)
            case commands.Resume():
                self._begin(_State.RESUMING)
                self._task = asyncio.create_task(
                    self._guard(self._resume(command)), name=f"resume:{self.id}"
                )
            case _ if self.call is None:
                raise AssertionError(f"{command} without a call")
            case commands.Audio(data):
                self.call.intake.push(data)
            case commands.Skip() | commands.Reformat() | commands.Flush() | commands.Finish():
                self._cut(self.call, command)
            case commands.Digit(channel, digit):
                self.call.intake.digit(channel, digit, self._ordinal)
            case commands.Configure(options):
                self.call.configure(bound_by(self.who, options), self._ordinal)

    def _cut(self, call: Call, boundary: commands.Boundary) -> None:
        """End the audio so far at a boundary; tell of a part of a frame, which is not used."""
        if (truncated := call.intake.truncated) is not None:
            self._object(truncated)
        match boundary:
            case commands.Skip(frames):
                call.intake.skip(frames)
            case commands.Reformat(audio):
                call.intake.reformat(audio)
            case commands.Flush():
                call.intake.flush(self._ordinal)
            case commands.Finish():
                call.finish(self._ordinal)

    def _open(self, opened: commands.Open) -> None:
        around = self._around
        late = not self._vouched
        if late:
            self.who = vouched_for(around.gate, self.who, opened.credential)
            self._vouched = True
        self._begin(_State.TALKING)
        # Nothing tells where in a stream to go on.
        self._resumable = self._resumable and opened.coding is None
        span = around.spans.begin(self._parent)
        asked = asked_by(around.gate, self.who, opened, around.gateway, span)
        self.call = self._around.calls.begin(
            asked,
            self.throttle,
            name=self.id,
            owner=self.owner,
            caller=self.who.caller,
            audience=self,
            coding=opened.coding,
        )
        self.call.spawn(self._guard(self._register(self.call, asked, late)), "open")

    def _begin(self, state: _State) -> None:
        check_again(self._around.gate, self.who)
        self._state = state
        self._around.newcomers.discard(self._came_as, self)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ClientError as error:
            self._object(error)
        except Refused as refused:
            self._around.metrics.refusals.labels(refused.reason).inc()
            _log.warning("session.refused", session=self.id, reason=str(refused))
            if self.call is not None:
                self.call.abandon()
            self._dismiss(refused.close_code, refused.code, str(refused), refused.retry_after)
        except Exception as error:
            _log.exception("session.open_failed", error, session=self.id)
            if self.call is not None:
                self.call.abandon(stored=True)
            text = "it could not be opened"
            self._dismiss(CloseCode.INTERNAL_ERROR, "internal_error", text)

    async def _register(self, call: Call, asked: SessionRecord, late: bool) -> None:
        if late:
            await recounted(self._around.handshakes, self.id, self.who)
        token = ResumeToken.issue(self.id)
        try:
            record = await self._around.openings.register(token, self.owner, asked, self.who)
        except Refused:
            call.spawn(self._around.openings.forgo(self.who, self.id), "forgo")
            raise
        if call.state is State.ENDED:  # released meanwhile
            return
        denoised = record.denoised
        if denoised != asked.denoised:
            self.tell([Failed("denoise_unavailable", opening.NOT_DENOISED, fatal=False)])
        # The options may have changed meanwhile, by a control that is on its way.
        options = call.intake.record.options
        options = replace(options, denoise=options.denoise and denoised)
        call.intake.record = replace(record, options=options)
        self._around.calls.stored(call)
        _log.info("session.opened", session=self.id, legs=record.audio.channels, denoise=denoised)
        self.tell([Created(self.id, str(token) if self._resumable else "")])
        self._go_on(call)

    async def _resume(self, asked: commands.Resume) -> None:
        around = self._around
        found = await around.openings.resume(self, asked.token, asked.attempt, self.who.tenant)
        acquired, record = found.acquired, found.acquired.record
        if self._state is _State.OVER:  # closed meanwhile: the client will resume it again
            around.calls.let_go(self, acquired.session)
            return
        around.handshakes.rename(self.id, acquired.session)
        self.id = self.throttle.session = acquired.session
        self.call = call = around.calls.begin(
            record,
            self.throttle,
            name=acquired.session,
            owner=self.owner,
            caller=self.who.caller,
            audience=self,
            stored=found.stored,
            seq=asked.seq,
        )
        around.calls.stored(call)
        start, ended = call.intake.start, call.ended_before
        self._codec.restore(record.opened, denoised=record.denoised, ended=ended)
        self._state = _State.TALKING
        self._ordinal = min(acquired.controls)
        around.metrics.resumptions.inc()
        _log.info("session.resumed", session=self.id, position=start, after=asked.seq)
        self.tell([Resumed(self.id, asked.token, start, acquired.seq, self._ordinal, ended)])
        self._go_on(call)
        await around.downlink.look_for(self.id)

    def _go_on(self, call: Call) -> None:
        """Go on with a call that is open now."""
        if not self._present:
            self._part(call)
        elif call.returns and self._around.handshakes.closed:
            call.release()

    def _object(self, error: ClientError) -> None:
        self.tell([error.event])
        if error.close_code is None:
            self._mistakes.note(self.id, error)
        else:
            self._around.metrics.refusals.labels(error.code).inc()
            # A mistake while resuming does not end the call.
            self._leave(hung_up=self._state is not _State.RESUMING)
            self._close(error.close_code, error.code)

    def _may_be_idle(self) -> bool:
        """Whether nothing is expected from the client: it is not read, or has said all."""
        finishing = self.call is not None and self.call.finishing_since is not None
        return finishing or self.throttle.paused

    def _end_idle(self) -> None:
        self._around.metrics.refusals.labels("idle").inc()
        self._break_off(CloseCode.POLICY_VIOLATION, "idle", "neither audio nor a message came")

    def _break_off(self, close_code: int, code: str, text: str) -> None:
        self.tell([Failed(code, text, fatal=True)])
        self.hang_up()
        self._close(close_code, code)

    def _dismiss(
        self, close_code: int, code: str, text: str, retry_after: float | None = None
    ) -> None:
        """Tell the client why it has no call, and close."""
        if self._state is not _State.OVER:
            self.tell([Failed(code, text, fatal=True, retry_after=retry_after)])
            self._close(close_code, code)
            self._end()

    def _leave(self, *, hung_up: bool) -> None:
        self._present = False
        self._hung_up = self._hung_up or hung_up
        if self.call is not None:
            self._part(self.call)
        elif self._state is not _State.RESUMING:  # there `_go_on` does it
            self._end()

    def _part(self, call: Call) -> None:
        """Leave the call, whose client is gone."""
        if self._hung_up:
            call.hang_up()
        elif call.running and self._around.handshakes.closed:
            call.release()
        else:
            call.leave()
        self._end()

    def _close(self, close_code: int, reason: str) -> None:
        if self._client is not None:
            self._client.close_soon(*self._codec.closing(close_code, reason))

    def _end(self) -> None:
        if self._state is not _State.OVER:
            self._state = _State.OVER
            self._idle.close()
            self._around.newcomers.discard(self._came_as, self)
            self._ended(self)
