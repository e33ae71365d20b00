"""How a connection comes by its call: a new one, or one that it comes back to."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from math import ceil
from typing import Protocol

from websockets.frames import CloseCode

from common.errors import AtCapacity, BusUnavailable, Unavailable
from common.telemetry.logs import Log
from gateway.admission.terms import admit
from gateway.calls.context import Gateway
from gateway.calls.record import ResumeToken, SessionRecord
from gateway.calls.store import HeldLeg, Superseded, Taken
from gateway.protocols.api import ClientError

NOT_DENOISED = "denoise: no worker for it is running; the call goes on without"
ELSEWHERE = "the call goes on over another connection"
_PATIENCE = 10.0
"""Seconds for which a client is kept waiting for Redis: a failover is survived, and who calls while
it hangs is told so."""

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


def not_new() -> ClientError:
    """Return what to say to a client that passed the door to come back, and begins a new call."""
    text = "resume=1 in the URL is for coming back to a call: leave it out to begin one"
    return ClientError("resume_expected", text, close_code=CloseCode.POLICY_VIOLATION)


@dataclass(frozen=True, slots=True)
class Resumption:
    """A call that was found again, and what Redis has of its audio, per channel."""

    taken: Taken
    held: list[HeldLeg]


class Successor(Protocol):
    """A session that may take the place of another."""

    owner: str

    def succeed(self, session: str) -> bool:
        """Become this call's session in this process; tell whether another one was it before."""


async def register(
    gateway: Gateway, token: ResumeToken, owner: str, asked: SessionRecord
) -> SessionRecord:
    """Let a new call in and have Redis hold it; return its terms. Raises Refused."""
    undenoised = gateway.settings.denoise_unavailable == "continue"
    legs = asked.audio.channels
    try:
        terms = await admit(
            gateway.fleet, asked.options, legs, undenoised=undenoised, name=token.session
        )
    except AtCapacity as full:
        reason, pause = full.reason, full.retry_after
        raise Refused("at_capacity", str(full), reason=reason, retry_after=pause) from full
    except (Unavailable, BusUnavailable) as missing:
        raise Refused("unavailable", str(missing)) from missing
    record = replace(asked, options=terms.options, align=terms.align)
    async with _patience():  # what may be carried out later all the same, is retired behind it
        await gateway.roster.open(token, owner, record)
    return record


async def resume(gateway: Gateway, successor: Successor, text: str, attempt: int) -> Resumption:
    """Find the call of a client that comes back. Raises Refused."""
    if not gateway.link.connected:
        raise Refused("unavailable", "Redis is away")
    token = ResumeToken.parse(text)
    taken = None
    if token is not None:
        if wait := gateway.resumes.try_add(token.digest, time.monotonic()):
            text = "the call is resumed too often"
            raise Refused("unavailable", text, reason="resume_rate", retry_after=ceil(wait))
        whose = (token.session, successor.owner)
        try:
            async with _patience():
                taken = await gateway.roster.take(*whose, proof=token.digest, attempt=attempt)
        except Superseded as later:
            closing = CloseCode.POLICY_VIOLATION
            raise Refused("resumed_elsewhere", ELSEWHERE, close_code=closing) from later
    if taken is None:
        text = "no such call, or it has been over for too long"
        raise Refused("resume_unknown", text, close_code=CloseCode.POLICY_VIOLATION)
    return await _take_up(gateway, successor, taken)


async def adopt(gateway: Gateway, successor: Successor, session: str, former: str) -> Resumption:
    """Take up a call that neither gateway nor client cares for. Raises Refused if it is gone.

    `former`: its last owner. If that is not so any more the client has come back after all.
    """
    taken = None
    try:
        taken = await gateway.roster.take(session, successor.owner, former=former)
    except Superseded as by:
        raise Refused("resumed_elsewhere", "its client is back") from by
    except (ValueError, LookupError, TypeError) as error:
        _log.exception("session.unreadable", error, session=session)
    if taken is None:
        await gateway.roster.strike(session)
        raise Refused("session_lost", "the call is gone")
    return await _take_up(gateway, successor, taken)


@asynccontextmanager
async def _patience() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_PATIENCE):
            yield
    except TimeoutError:
        raise Refused("unavailable", "Redis does not answer") from None


async def _take_up(gateway: Gateway, successor: Successor, taken: Taken) -> Resumption:
    # Before anything is waited for: of two that come back at once, the later then finds the other.
    if not successor.succeed(taken.session) and taken.gateway:
        await gateway.roster.announce(taken.session, taken.gateway)
    return Resumption(taken, await gateway.roster.held(taken))
