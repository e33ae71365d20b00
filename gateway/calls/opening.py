"""How a call is opened, resumed by a client, or adopted as an orphan."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from math import ceil

from websockets.frames import CloseCode

from common.errors import AtCapacity, BusUnavailable, Unavailable
from common.rates import Rates
from common.telemetry.logs import Log
from gateway.access.meter import Meter, Overdrawn
from gateway.access.principal import Principal
from gateway.admission.terms import admit
from gateway.admission.workers import Workers
from gateway.calls.call import ELSEWHERE
from gateway.calls.store import Acquired, SessionStore, Superseded
from gateway.calls.table import Calls, Holder
from gateway.protocols.commands import About
from gateway.record import ResumeToken, SessionRecord
from gateway.uplink.leg import StoredLeg

NOT_DENOISED = "denoise: no worker for it is running; the call goes on without"
RESUMES = (0.5, 10.0)
"""How often one call may be resumed: each second, and in a burst. Otherwise two connections could
take a call from each other for ever."""
_PATIENCE = 10.0
"""Seconds that a client waits for Redis: a failover takes less, and a client that calls while Redis
hangs is told so."""

_log = Log(__name__)


class Refused(Exception):
    """The connection gets no call. `reason` is the label for metrics, `code` is for the client."""

    def __init__(
        self,
        code: str,
        text: str,
        *,
        close_code: int = CloseCode.TRY_AGAIN_LATER,
        reason: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.code = code
        self.close_code = close_code
        self.reason = reason or code
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Resumption:
    """A call that was found again, and what Redis has of its audio, per channel."""

    acquired: Acquired
    stored: list[StoredLeg]


class Openings:
    """Opens calls of one gateway.

    `undenoised`: without denoising if no worker offers it. `webhook` returns the one that a call
    gets, from the one that it names; None where it may not name that.
    `refusal` says why Redis refuses writes, if it does. `records`: whether calls can be recorded.
    """

    def __init__(
        self,
        workers: Workers,
        store: SessionStore,
        calls: Calls,
        *,
        connected: Callable[[], bool],
        refusal: Callable[[], str | None],
        undenoised: bool,
        webhook: Callable[[str], str | None],
        meter: Meter,
        records: bool = False,
    ) -> None:
        self._workers = workers
        self._store = store
        self._calls = calls
        self._connected = connected
        self._refusal = refusal
        self._undenoised = undenoised
        self._webhook = webhook
        self._meter = meter
        self._records = records
        self._resumes = Rates(*RESUMES)

    async def register(
        self, token: ResumeToken, owner: str, asked: SessionRecord, who: Principal
    ) -> SessionRecord:
        """Admit a new call and store it in Redis; return its terms. Raises Refused."""
        asked = replace(asked, about=self._with_webhook(asked.about))
        self._check_recording(asked)
        try:
            terms = await admit(
                self._workers,
                asked.options,
                asked.audio.channels,
                undenoised=self._undenoised,
                name=token.session,
            )
        except AtCapacity as full:
            reason, pause = full.reason, full.retry_after
            raise Refused("at_capacity", str(full), reason=reason, retry_after=pause) from full
        except (Unavailable, BusUnavailable) as missing:
            raise Refused("unavailable", str(missing)) from missing
        # Only now: a call without room uses up no token, and none of its key's calls.
        async with self._patience():
            why = await self._meter.may_call(who, token.session)
        if why is not None:
            raise _overdrawn(why)
        record = replace(asked, options=terms.options, stages=terms.stages)
        async with self._patience():  # Redis may execute it later: `retire` then follows it
            await self._store.open(token, owner, record)
        return record

    async def forgo(self, who: Principal, session: str) -> None:
        """Take back what was counted for a call that `register` refused. Waits for Redis."""
        await self._meter.forgo(who, session)

    def _with_webhook(self, about: About) -> About:
        webhook = self._webhook(about.webhook)
        if webhook is None:
            text = "webhook: this server sends nothing there (--webhook-hosts)"
            closing = CloseCode.POLICY_VIOLATION
            raise Refused("webhook_refused", text, close_code=closing)
        return replace(about, webhook=webhook)

    def _check_recording(self, asked: SessionRecord) -> None:
        if asked.recorded and not self._records:
            text = "record: this server keeps no recordings (--recordings)"
            raise Refused("recording_refused", text, close_code=CloseCode.POLICY_VIOLATION)

    async def resume(self, holder: Holder, text: str, attempt: int, tenant: str) -> Resumption:
        """Find the call that a tenant's client resumes, and hand it to `holder`. Raises Refused."""
        if not self._connected():
            raise Refused("unavailable", "Redis is away")
        token = ResumeToken.parse(text)
        acquired = None
        if token is not None:
            proof = token.digest(tenant)
            if wait := self._resumes.try_add(proof, time.monotonic()):
                text = "the call is resumed too often"
                raise Refused("unavailable", text, reason="resume_rate", retry_after=ceil(wait))
            whose = (token.session, holder.owner)
            try:
                async with self._patience():
                    acquired = await self._store.acquire(*whose, proof=proof, attempt=attempt)
            except Superseded as later:
                closing = CloseCode.POLICY_VIOLATION
                raise Refused("resumed_elsewhere", ELSEWHERE, close_code=closing) from later
        if acquired is None:
            text = "no such call, or it has been over for too long"
            raise Refused("resume_unknown", text, close_code=CloseCode.POLICY_VIOLATION)
        return Resumption(acquired, await self._calls.take_over(holder, acquired))

    async def adopt(self, holder: Holder, session: str, former: str) -> Resumption:
        """Take over an orphaned call. Raises Refused if it is gone, or not orphaned.

        `former`: its last owner. If that has changed, the client has resumed the call.
        """
        acquired = None
        try:
            acquired = await self._store.acquire(session, holder.owner, former=former)
        except Superseded as by:
            raise Refused("resumed_elsewhere", "its client is back") from by
        except (ValueError, LookupError, TypeError) as error:
            _log.exception("session.unreadable", error, session=session)
        if acquired is None:
            await self._store.strike(session)
            raise Refused("session_lost", "the call is gone")
        return Resumption(acquired, await self._calls.take_over(holder, acquired))

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(_PATIENCE):
                yield
        except TimeoutError:
            raise Refused("unavailable", self._refusal() or "Redis does not answer") from None


def _overdrawn(reason: Overdrawn) -> Refused:
    closing = CloseCode.POLICY_VIOLATION
    match reason:
        case "key_audio":
            text = "the key's audio of the day is used up"
            return Refused("key_audio", text, close_code=closing)
        case "key_calls":
            text = "the key opens too many calls a minute"
            return Refused("key_calls", text, close_code=closing, retry_after=60.0)
        case "spent_token":
            text = "the token has opened its call already"
            return Refused("spent_token", text, close_code=closing)
