"""One client's connection: its codec on one side, its call on the other.

Messages are handled as they arrive, synchronously; only opening and resuming wait for Redis. Audio
that arrives while a call opens waits in the call like any other.

    NEW ──Open──► TALKING ─────────── hung up, broken, closed ──► OVER
     └───Resume──► RESUMING ──found──► TALKING
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from enum import Enum, auto
from typing import Any

from common.telemetry.logs import Log
from gateway.access.principal import Principal
from gateway.calls.call import Call, Ending
from gateway.conversations.asking import changed_by, not_new
from gateway.conversations.client import Client
from gateway.conversations.hearing import Hearing
from gateway.conversations.idle import Idle
from gateway.conversations.line import Line
from gateway.conversations.mistakes import Mistakes
from gateway.conversations.opening import Opening
from gateway.conversations.reasons import (
    FLOOD,
    IDLE,
    MISTAKE,
    RESTARTS,
    RESUMED_ELSEWHERE,
    REVOKED,
    UNOPENED,
    Reason,
)
from gateway.conversations.surroundings import Surroundings
from gateway.protocols import commands
from gateway.protocols.api import ClientError, Codec, Message
from gateway.protocols.events import Event, Failed
from gateway.protocols.tracing import Parent
from gateway.uplink.throttle import Throttle

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
        self.throttle = throttle
        self.call: Call | None = None
        self._around = around
        self._codec = codec
        self._line = Line(codec, client)
        self._hearing = Hearing(codec, throttle, self._carry_out, self.object)
        self._ended = ended
        self._returning = returning
        self._waits_s = waits_s
        self._state = _State.NEW
        self.opening = Opening(
            around,
            throttle,
            name=name,
            who=who,
            vouched=vouched,
            resumable=resumable,
            parent=parent,
        )
        self._present = True
        self._hung_up = False
        self._mistakes = Mistakes(around.metrics)
        self._task: asyncio.Task[None] | None = None
        self._idle = Idle(idle_s, self._end_idle, self._may_be_idle)
        self.opening.wait(self)

    @property
    def id(self) -> str:
        """The name of its call."""
        return self.opening.name

    @property
    def who(self) -> Principal:
        """Who makes it."""
        return self.opening.who

    @property
    def owner(self) -> str:
        """See `Opening`."""
        return self.opening.owner

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
            self._hearing.connected()
        except Exception as error:
            self.fail(error)

    def receive(self, message: Message) -> None:
        """Handle one message; a mistake of the client is answered, and ends the call if fatal."""
        self._idle.heard()
        if isinstance(message, str):
            counted = self._state is not _State.NEW
            self._hearing.text(message, counted=counted, resumable=self.opening.resumable)
        elif self._codec.verbatim and self.call is not None:
            try:
                self.call.intake.push(message)
            except ClientError as error:
                self.object(error)
        else:
            self._hearing.binary(message)

    def receive_end(self) -> None:
        """Take note that the client sends nothing more, but still listens."""
        self._hearing.end()

    def fail(self, error: Exception) -> None:
        """End this call because of a bug of ours; other calls go on."""
        _log.exception("session.failed", error, session=self.id)
        self._break_off(MISTAKE)

    def end_flood(self) -> None:
        """End the call of a client that sends more messages than any client needs."""
        self._refuse(FLOOD)

    def revoke(self) -> None:
        """End the call of a client whose key was revoked; what was said is still transcribed."""
        self._refuse(REVOKED)

    def hang_up(self) -> None:
        """Take note that the client has ended the call; what was said is still transcribed."""
        self._leave(hung_up=True)

    def vanish(self) -> None:
        """Take note that the connection broke: the call waits for its client for a while."""
        self._leave(hung_up=not self.opening.resumable)

    def forget_client(self) -> None:
        """Drop the connection, which has ended, and with it the last message it received."""
        self._line.drop()
        self.throttle.forget()

    def overdue(self) -> None:
        """Close a client that has not opened its call in time, unless its protocol lets it wait."""
        if self._state is not _State.NEW:
            return
        if self._waits_s and self._codec.introduced:
            self.opening.wait_longer(self, self._waits_s)
        else:
            self.give_up()

    def give_up(self) -> None:
        """Close a client that has not opened its call, to make room for one that will."""
        if self._state is _State.NEW:
            self._around.metrics.refusals.labels("open_timeout").inc()
            self._dismiss(UNOPENED)

    def send_away(self) -> None:
        """Close with a resume hint because this gateway ends; another will go on with the call."""
        if self.call is not None and self.call.running:
            self.call.release()
        else:
            if self.call is not None:
                self.call.abandon()
            self._dismiss(RESTARTS)

    def supersede(self) -> None:
        """See `gateway.calls.table.Holder`: another has resumed the call meanwhile."""
        self._dismiss(RESUMED_ELSEWHERE)

    async def leave_admission(self) -> None:
        """Stop counting in admission; for a conversation that ended without a call."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self._around.handshakes.leave(self.id)

    # --- from the call ---

    def tell(self, events: Sequence[Event]) -> None:
        """See `gateway.calls.call.Audience`."""
        if self._present:
            self._line.tell(events)

    def object(self, error: ClientError) -> None:
        """Tell the client of a mistake, and end its call if that is fatal."""
        self.tell([error.event])
        if error.close_code is None:
            self._mistakes.note(self.id, error)
        else:
            self._around.metrics.refusals.labels(error.code).inc()
            # A mistake while resuming does not end the call.
            self._leave(hung_up=self._state is not _State.RESUMING)
            self._line.close(error.close_code, error.code)

    def over(self, ending: Ending) -> None:
        """See `gateway.calls.call.Audience`."""
        self.tell([ending.event])
        self._line.close(ending.close_code, ending.reason)
        self._end()

    # --- how it goes ---

    def _carry_out(self, command: commands.Command) -> None:
        match command:
            case commands.Say(messages):
                self._line.say(messages)
            case commands.Mistake(code, message):
                self.object(ClientError(code, message))
            case commands.Open():
                if self._returning:
                    raise not_new()
                self._open(command)
            case commands.Resume():
                self._begin(_State.RESUMING)
                self._task = asyncio.create_task(
                    self._attempt(self._resume(command)), name=f"resume:{self.id}"
                )
            case _ if self.call is None:
                raise AssertionError(f"{command} without a call")
            case commands.Audio(data):
                self.call.intake.push(data)
            case commands.Digit(channel, digit):
                self.call.intake.digit(channel, digit, self._hearing.ordinal)
            case commands.Configure(options):
                changed = changed_by(self.who, options, self.call.intake.record)
                self.call.configure(changed, self._hearing.ordinal)
            case _:
                self._cut(self.call, command)

    def _cut(self, call: Call, boundary: commands.Boundary) -> None:
        """End the audio so far at a boundary; tell of a part of a frame, which is not used."""
        if (truncated := call.intake.truncated) is not None:
            self.object(truncated)
        match boundary:
            case commands.Skip(frames):
                call.intake.skip(frames)
            case commands.Reformat(audio):
                call.intake.reformat(audio)
            case commands.Flush():
                call.intake.flush(self._hearing.ordinal)
            case commands.Finish():
                call.finish(self._hearing.ordinal)

    def _open(self, opened: commands.Open) -> None:
        self.opening.introduce(opened)
        self._begin(_State.TALKING)
        self.call = call = self.opening.begin(opened, self)
        call.spawn(self._attempt(self._register(call)), "open")

    def _begin(self, state: _State) -> None:
        self.opening.check()
        self._state = state
        self.opening.wait_no_more(self)

    async def _attempt(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            dismissal = await self.opening.attempt(work)
        except ClientError as error:
            self.object(error)
            return
        if dismissal is not None:
            if self.call is not None:
                self.call.abandon(stored=dismissal.stored)
            self._dismiss(dismissal)

    async def _register(self, call: Call) -> None:
        if news := await self.opening.register(call):
            self.tell(news)
            self._go_on(call)

    async def _resume(self, asked: commands.Resume) -> None:
        found = await self.opening.find(asked, self)
        acquired = found.acquired
        if self._state is _State.OVER:  # closed meanwhile: the client will resume it again
            self._around.calls.let_go(self, acquired.session)
            return
        self.call = call = self.opening.go_on(found, asked.seq, self)
        opened, denoised = acquired.record.opened, acquired.record.denoised
        self._codec.restore(opened, denoised=denoised, ended=call.ended_before)
        self._state = _State.TALKING
        self._hearing.ordinal = min(acquired.controls)
        self.tell([self.opening.resumed(call, found, asked)])
        self._go_on(call)
        await self._around.feed.look_for(self.id)

    def _go_on(self, call: Call) -> None:
        """Go on with a call that is open now."""
        if not self._present:
            self._part(call)
        elif call.returns and self._around.handshakes.closed:
            call.release()

    def _may_be_idle(self) -> bool:
        """Whether nothing is expected from the client: it is not read, or has said all."""
        finishing = self.call is not None and self.call.finishing_since is not None
        return finishing or self.throttle.paused

    def _end_idle(self) -> None:
        self._refuse(IDLE)

    def _refuse(self, why: Reason) -> None:
        self._around.metrics.refusals.labels(why.code).inc()
        self._break_off(why)

    def _break_off(self, why: Reason) -> None:
        self.tell([Failed(why.code, why.text, fatal=True)])
        self.hang_up()
        self._line.close(why.close_code, why.code)

    def _dismiss(self, why: Reason) -> None:
        """Tell the client why it has no call, and close."""
        if self._state is not _State.OVER:
            failed = Failed(why.code, why.text, fatal=True, retry_after=why.retry_after)
            self.tell([failed])
            self._line.close(why.close_code, why.code)
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

    def _end(self) -> None:
        if self._state is not _State.OVER:
            self._state = _State.OVER
            self._idle.close()
            self.opening.wait_no_more(self)
            self._ended(self)
