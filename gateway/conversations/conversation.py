"""One client's connection: its codec on one side, its call on the other.

Messages are handled as they arrive, synchronously; only opening and resuming wait for Redis. Audio
that arrives while a call opens waits in the call like any other.

    NEW ──Open──► TALKING ─────────── hung up, broken, closed ──► OVER
     └───Resume──► RESUMING ──found──► TALKING
"""

from collections.abc import Callable, Coroutine, Sequence
from enum import Enum, auto
from functools import partial
from typing import Any

from common.telemetry.logs import Log
from gateway.calls.attendance import Ending
from gateway.calls.call import Call
from gateway.conversations.client import Client
from gateway.conversations.hearing import Hearing
from gateway.conversations.idle import Idle
from gateway.conversations.line import Line
from gateway.conversations.mistakes import Mistakes
from gateway.conversations.opening import Opening
from gateway.conversations.reasons import (
    IDLE,
    MISTAKE,
    RESTARTS,
    RESUMED_ELSEWHERE,
    UNOPENED,
    Reason,
)
from gateway.conversations.surroundings import Surroundings
from gateway.conversations.talk import Talk
from gateway.protocols import commands
from gateway.protocols.api import ClientError, Codec, Message
from gateway.protocols.events import Event
from gateway.uplink.throttle import Throttle

_log = Log(__name__)


class _State(Enum):
    NEW = auto()
    RESUMING = auto()
    TALKING = auto()
    OVER = auto()


class Conversation:
    """One client's conversation; `ended` is called once, when it is over.

    `opening` gets it its call. `idle_s`: see `gateway.protocols.api.Protocol`.
    """

    def __init__(
        self,
        around: Surroundings,
        codec: Codec,
        client: Client,
        throttle: Throttle,
        opening: Opening,
        ended: Callable[["Conversation"], None],
        *,
        idle_s: float = 0.0,
    ) -> None:
        self.codec = codec
        self.throttle = throttle
        self.opening = opening
        self._around = around
        self._line = Line(codec, client)
        self._hearing = Hearing(codec, throttle, self._carry_out, self.object)
        self._mistakes = Mistakes(around.metrics)
        self._ended = ended
        self._state = _State.NEW
        self._talk: Talk | None = None
        self._idle = Idle(idle_s, partial(self.refuse, IDLE), self._may_be_idle)
        opening.wait(self)

    @property
    def id(self) -> str:
        """The name of its call."""
        return self.opening.name

    @property
    def owner(self) -> str:
        """See `Opening`."""
        return self.opening.owner

    @property
    def call(self) -> Call | None:
        """Its call, once it has one."""
        return self._talk.call if self._talk is not None else None

    @property
    def present(self) -> bool:
        """Whether there is a client on the line."""
        return self._line.present and self._state is not _State.OVER

    @property
    def returns(self) -> bool:
        """Whether the client resumes its call when it is closed with a resume hint."""
        return self.call is not None and self.call.returns

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
        elif self.codec.verbatim and self._talk is not None:
            try:
                self._talk.call.intake.push(message)
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

    def refuse(self, why: Reason) -> None:
        """End the call of a client that must go; what was said is still transcribed."""
        self._around.metrics.refusals.labels(why.code).inc()
        self._break_off(why)

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
        introduced = self._state is _State.NEW and self.codec.introduced
        if not (introduced and self.opening.wait_longer(self)):
            self.give_up()

    def give_up(self) -> None:
        """Close a client that has not opened its call, to make room for one that will."""
        if self._state is _State.NEW:
            self._around.metrics.refusals.labels(UNOPENED.code).inc()
            self._dismiss(UNOPENED)

    def send_away(self) -> None:
        """Close with a resume hint because this gateway ends; another will go on with the call."""
        if self._talk is None or not self._talk.send_away():
            self._dismiss(RESTARTS)

    def supersede(self) -> None:
        """See `gateway.calls.table.Holder`: another has resumed the call meanwhile."""
        self._dismiss(RESUMED_ELSEWHERE)

    # --- from the call ---

    def tell(self, events: Sequence[Event]) -> None:
        """See `gateway.calls.attendance.Audience`."""
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
        """See `gateway.calls.attendance.Audience`."""
        self._line.dismiss(ending)
        self._end()

    # --- how it goes ---

    def _carry_out(self, command: commands.Command) -> None:
        match command:
            case commands.Say(messages):
                self._line.say(messages)
            case commands.Mistake(code, message):
                self.object(ClientError(code, message))
            case commands.Open():
                self._open(command)
            case commands.Resume():
                self._begin(_State.RESUMING)
                self.opening.resume_soon(self._attempt(self._resume(command)))
            case _ if self._talk is None:
                raise AssertionError(f"{command} without a call")
            case _:
                self._talk.carry_out(command, self._hearing.ordinal)

    def _open(self, opened: commands.Open) -> None:
        self.opening.introduce(opened)
        self._begin(_State.TALKING)
        self._talk = talk = self._talk_in(self.opening.begin(opened, self))
        talk.call.spawn(self._attempt(self._register(talk)), "open")

    def _talk_in(self, call: Call) -> Talk:
        return Talk(call, self.opening.who, self._around.handshakes, self.object)

    def _begin(self, state: _State) -> None:
        self.opening.check()
        self._state = state
        self.opening.wait_no_more(self)

    async def _attempt(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ClientError as error:
            self.object(error)
        except Exception as error:
            why = self.opening.failed(error)
            if self._talk is not None:
                self._talk.call.abandon(stored=why.stored)
            self._dismiss(why)

    async def _register(self, talk: Talk) -> None:
        if news := await self.opening.register(talk.call):
            self.tell(news)
            self._go_on(talk)

    async def _resume(self, asked: commands.Resume) -> None:
        found = await self.opening.find(asked, self)
        acquired = found.acquired
        if self._state is _State.OVER:  # closed meanwhile: the client will resume it again
            self._around.calls.let_go(self, acquired.session)
            return
        self._talk = talk = self._talk_in(self.opening.go_on(found, asked.seq, self))
        opened, denoised = acquired.record.opened, acquired.record.denoised
        self.codec.restore(opened, denoised=denoised, ended=talk.call.ended_before)
        self._state = _State.TALKING
        self._hearing.ordinal = min(acquired.controls)
        self.tell([self.opening.resumed(talk.call, found, asked)])
        self._go_on(talk)
        await self._around.feed.look_for(self.id)

    def _go_on(self, talk: Talk) -> None:
        """Go on with a call that is open now, unless the client is gone."""
        if self._line.present:
            talk.go_on()
        else:
            self._part(talk)

    def _may_be_idle(self) -> bool:
        """Whether nothing is expected from the client: it is not read, or has said all."""
        return self.throttle.paused or (self._talk is not None and self._talk.said_all)

    def _break_off(self, why: Reason) -> None:
        self._line.dismiss(why.ending)
        self.hang_up()

    def _dismiss(self, why: Reason) -> None:
        """Tell the client why it has no call, and close."""
        if self._state is not _State.OVER:
            self._line.dismiss(why.ending)
            self._end()

    def _leave(self, *, hung_up: bool) -> None:
        self._line.leave(hung_up=hung_up)
        if self._talk is not None:
            self._part(self._talk)
        elif self._state is not _State.RESUMING:  # there `_go_on` does it
            self._end()

    def _part(self, talk: Talk) -> None:
        talk.leave(hung_up=self._line.hung_up)
        self._end()

    def _end(self) -> None:
        if self._state is not _State.OVER:
            self._state = _State.OVER
            self._idle.close()
            self.opening.wait_no_more(self)
            self._ended(self)
