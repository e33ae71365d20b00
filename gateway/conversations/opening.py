"""How a conversation gets its call: a new one is opened, or one of before is found again."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

from common.telemetry.logs import Log
from gateway.access.principal import Principal
from gateway.calls.attendance import Audience
from gateway.calls.call import Call
from gateway.calls.opening import NOT_DENOISED, Refused, Resumption
from gateway.calls.state import State
from gateway.calls.table import Holder
from gateway.conversations.asking import (
    asked_by,
    check_again,
    not_new,
    recounted,
    vouched_for,
)
from gateway.conversations.client import Newcomer
from gateway.conversations.reasons import UNOPENABLE, Reason
from gateway.conversations.surroundings import Surroundings
from gateway.protocols import commands
from gateway.protocols.events import Created, Event, Failed, Resumed
from gateway.protocols.tracing import Parent
from gateway.record import ResumeToken
from gateway.uplink.throttle import Throttle

_log = Log(__name__)


class Opening:
    """What one conversation knows until it has its call: who asks, and under which name.

    `name` is the call's id, unless the client resumes another call; with `returning` it must.
    `who` makes it, over the protocol of this name; unless `vouched`, the message that opens the
    call says who. `resumable`: a call whose connection breaks waits for its client. `waits_s`: see
    `gateway.protocols.api.Protocol`. `parent` is the client's span.
    """

    def __init__(
        self,
        around: Surroundings,
        throttle: Throttle,
        *,
        name: str,
        who: Principal,
        protocol: str,
        vouched: bool = True,
        returning: bool = False,
        resumable: bool = False,
        waits_s: float = 0.0,
        parent: Parent | None = None,
    ) -> None:
        self.name = name
        self.who = who
        self.resumable = resumable
        self._protocol = protocol
        self.owner = uuid4().hex
        """Tells this connection from all others of the call."""
        self._around = around
        self._throttle = throttle
        self._vouched = vouched
        self._returning = returning
        self._waits_s = waits_s
        self._late = False
        """Whether it was a message that said who asks."""
        self._parent = parent
        self._came_as = who.caller
        self._resuming: asyncio.Task[None] | None = None

    # --- one that has no call yet ---

    def wait(self, newcomer: Newcomer) -> None:
        """Count it with those that have no call yet."""
        self._around.newcomers.add(self._came_as, newcomer)

    def wait_longer(self, newcomer: Newcomer) -> bool:
        """Let it wait if its protocol does, and return whether it does; see `Newcomers.late`."""
        if self._waits_s:
            self._around.newcomers.late(self._came_as, newcomer, self._waits_s)
        return bool(self._waits_s)

    def wait_no_more(self, newcomer: Newcomer) -> None:
        """Count it no more: it has a call, or is over."""
        self._around.newcomers.discard(self._came_as, newcomer)

    def check(self) -> None:
        """Raise ClientError for a key that was revoked meanwhile."""
        check_again(self._around.gate, self.who)

    # --- a new call ---

    def introduce(self, opened: commands.Open) -> None:
        """Learn who asks, where the message says so. Raises ClientError."""
        if self._returning:
            raise not_new()
        if not self._vouched:
            self.who = vouched_for(self._around.gate, self.who, opened.credential)
            self._vouched = self._late = True

    def begin(self, opened: commands.Open, audience: Audience) -> Call:
        """Return the call that is asked for; `register` opens it. Raises ClientError."""
        around = self._around
        # Nothing tells where in a compressed stream to go on.
        self.resumable = self.resumable and opened.coding is None
        span = around.spans.begin(self._parent)
        return around.calls.begin(
            asked_by(around.gate, self.who, opened, around.gateway, span),
            self._throttle,
            name=self.name,
            owner=self.owner,
            caller=self.who.caller,
            protocol=self._protocol,
            audience=audience,
            coding=opened.coding,
        )

    async def register(self, call: Call) -> Sequence[Event]:
        """Let Redis hold a new call; return what its client is told. Raises Refused.

        That is nothing for a call that was released meanwhile.
        """
        around, asked = self._around, call.intake.record
        if self._late:
            await recounted(around.handshakes, self.name, self.who)
        token = ResumeToken.issue(self.name)
        try:
            record = await around.openings.register(token, self.owner, asked, self.who)
        except Refused:
            call.spawn(around.openings.forgo(self.who, self.name), "forgo")
            raise
        if call.state is State.ENDED:
            return ()
        denoised = record.denoised
        # The options may have changed meanwhile, by a control that is on its way.
        options = call.intake.record.options
        options = replace(options, denoise=options.denoise and denoised)
        call.intake.record = replace(record, options=options)
        around.calls.stored(call)
        legs = record.audio.channels
        _log.info("session.opened", session=self.name, legs=legs, denoise=denoised)
        created = Created(self.name, str(token) if self.resumable else "")
        if denoised == asked.denoised:
            return (created,)
        return (Failed("denoise_unavailable", NOT_DENOISED, fatal=False), created)

    # --- a call that goes on ---

    def resume_soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the task that resumes a call."""
        self._resuming = asyncio.create_task(work, name=f"resume:{self.name}")

    async def find(self, asked: commands.Resume, holder: Holder) -> Resumption:
        """Return the call that a client resumes; it is `holder`'s now. Raises Refused."""
        tenant = self.who.tenant
        return await self._around.openings.resume(holder, asked.token, asked.attempt, tenant)

    def go_on(self, found: Resumption, seq: int, audience: Audience) -> Call:
        """Return the call that was found, under whose name this goes on; its client has `seq`."""
        around, session = self._around, found.acquired.session
        around.handshakes.rename(self.name, session)
        self.name = self._throttle.session = session
        call = around.calls.begin(
            found.acquired.record,
            self._throttle,
            name=session,
            owner=self.owner,
            caller=self.who.caller,
            protocol=self._protocol,
            audience=audience,
            stored=found.stored,
            seq=seq,
        )
        around.calls.stored(call)
        return call

    def resumed(self, call: Call, found: Resumption, asked: commands.Resume) -> Resumed:
        """Count a call that goes on; return what its client is told."""
        start, acquired = call.intake.start, found.acquired
        self._around.metrics.resumptions.inc()
        _log.info("session.resumed", session=self.name, position=start, after=asked.seq)
        controls = min(acquired.controls)
        return Resumed(self.name, asked.token, start, acquired.seq, controls, call.ended_before)

    # --- a client that gets no call ---

    def failed(self, error: Exception) -> Reason:
        """Count an error of opening or resuming; return what the client is told."""
        if isinstance(error, Refused):
            self._around.metrics.refusals.labels(error.reason).inc()
            _log.warning("session.refused", session=self.name, reason=str(error))
            return Reason(error.close_code, error.code, str(error), error.retry_after)
        _log.exception("session.open_failed", error, session=self.name)
        return UNOPENABLE

    async def leave_admission(self) -> None:
        """Stop counting in admission; for a conversation that ended without a call."""
        if self._resuming is not None:
            await asyncio.gather(self._resuming, return_exceptions=True)
        await self._around.handshakes.leave(self.name)
