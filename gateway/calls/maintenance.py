"""What a gateway does for its calls now and then: keeps them alive, and ends those of nobody."""

import asyncio
import time
from collections.abc import Callable, Sequence
from uuid import uuid4

from common.audio import SAMPLE_RATE, seconds
from common.bus import commands, keys, wire
from common.options import SessionOptions
from common.pipeline.stages import VAD
from common.pipeline.streams import CHECKPOINT, SOURCES
from common.redis.link import CommandError, Reply
from common.telemetry.logs import Log
from gateway.calls.context import Gateway, Nobody
from gateway.calls.session import Session
from gateway.protocols import native
from gateway.protocols.api import LAG
from gateway.uplink.stored import Stored, to_hold

RENEW_EVERY = 10.0
_LOOK_EVERY = 1.0
_STORES_EVERY = 0.25
_AUDIO_KEPT = 300 * SAMPLE_RATE
"""Hard cap of a leg's audio in Redis: reached only when nothing consumes it for five minutes."""

_HEARD = CHECKPOINT.of(VAD.name)
"""Tells how far a leg's audio was heard: recognition is not ahead of that."""

_log = Log(__name__)


class Maintenance:
    """Looks after the sessions of one gateway; `dispose` is called for those that have ended."""

    def __init__(
        self, gateway: Gateway, sessions: set[Session], dispose: Callable[[Session], None]
    ) -> None:
        self._gateway = gateway
        self._sessions = sessions
        self._dispose = dispose
        self._generation = gateway.link.generation

    async def renew_for_ever(self) -> None:
        """Keep living sessions alive and their audio within its cap; end lost and orphaned ones."""
        patience = 0
        while True:
            began = time.monotonic()
            await self._wait()
            sessions = [session for session in self._sessions if session.registered]
            moved = self._gateway.link.generation != self._generation
            if moved:
                self._generation = self._gateway.link.generation
                await self._gateway.roster.reopen(
                    [(session.id, session.intake.record) for session in sessions]
                )
            await self._renew(sessions)
            await self._gateway.door.renew([session.id for session in self._sessions])
            # After an outage every call looks forsaken until its gateway has had its turn.
            late = time.monotonic() - began > 2 * RENEW_EVERY
            patience = 2 if late or moved else max(0, patience - 1)
            if not patience:
                await self._adopt_orphans()

    async def tell_lag_for_ever(self) -> None:
        """Tell clients that want to know how far behind their audio its recognition is."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            sessions = [
                session
                for session in self._sessions
                if session.registered and session.present and LAG in session.intake.record.events
            ]
            legs = [(session, leg) for session in sessions for leg in session.intake.legs]
            checkpoints = await self._gateway.link.insist(
                [commands.last(leg.leg.key(_HEARD)) for _, leg in legs]
            )
            heard: dict[Session, dict[int, int]] = {session: {} for session in sessions}
            for (session, leg), entries in zip(legs, checkpoints, strict=True):
                if entries and (progress := wire.read_progress(entries[0])) is not None:
                    heard[session][leg.leg.channel] = progress.heard.position
            for session, positions in heard.items():
                if session.registered:
                    session.output.heard(positions, session.intake.position)

    async def bound_stores_for_ever(self) -> None:
        """Take no more audio of calls that have too much in store."""
        while True:
            await asyncio.sleep(_STORES_EVERY)
            sessions = [
                session
                for session in self._sessions
                if session.registered and session.present and session.intake.runs_ahead
            ]
            legs = [session.intake.legs[0].leg for session in sessions]
            oldest = await self._gateway.link.insist(
                [commands.first(leg.key(kind)) for leg in legs for kind in SOURCES]
            )
            calls = [
                Stored(
                    session.caller,
                    seconds(_behind(session.intake.position, oldest[2 * at : 2 * at + 2])),
                    session.intake.record.options.max_utterance,
                    session.throttle.stored,
                )
                for at, session in enumerate(sessions)
            ]
            for session, held in zip(sessions, to_hold(calls), strict=True):
                if session.registered:
                    session.throttle.keep(held)

    async def _wait(self) -> None:
        """Wait for the next round; when Redis has come back older, that is at once."""
        for _ in range(round(RENEW_EVERY / _LOOK_EVERY)):
            if self._gateway.link.generation != self._generation:
                return
            await asyncio.sleep(_LOOK_EVERY)

    async def _renew(self, sessions: Sequence[Session]) -> None:
        roster = self._gateway.roster
        owners = await roster.owners([session.id for session in sessions])
        alive: list[Session] = []
        now = time.monotonic()
        for session, owner in zip(sessions, owners, strict=True):
            if not session.registered:
                continue
            if owner is None:
                session.lose("session_lost", "Redis came back without this call")
            elif owner != session.owner:
                # Not by the new owner's word, but found out: it may be Redis that has forgotten.
                session.send_away()
            elif now - (session.finishing_since or now) > keys.SESSION_TTL:
                session.lose("unfinished", "the last words were not recognised in time")
            else:
                session.output.forgo_overdue_words()
                alive.append(session)
        await roster.renew([leg.leg for session in alive for leg in session.intake.legs])
        trims = [
            commands.trim(leg.key, leg.position - _AUDIO_KEPT)
            for session in alive
            for leg in session.intake.legs
            if leg.position > _AUDIO_KEPT
        ]
        await self._gateway.link.insist(trims)

    async def _adopt_orphans(self) -> None:
        """End calls whose gateway has died and whose client has not come back."""
        # Gateways renew each `RENEW_EVERY` and a little; all are late when Redis was away.
        silence = max(self._gateway.settings.resume_s, 2 * RENEW_EVERY) + RENEW_EVERY
        for orphan, owner in await self._gateway.roster.orphans(silence):
            if orphan in self._gateway.owned:
                continue
            _log.warning("session.orphaned", session=orphan)
            front = native.build(SessionOptions())
            name = uuid4().hex
            session = Session(self._gateway, front, Nobody(), self._dispose, name=name)
            self._sessions.add(session)
            session.adopt(orphan, owner)


def _behind(position: int, oldest: Sequence[Reply]) -> int:
    """Return the samples between the oldest entry that Redis still has and where audio ends.

    `oldest` is the first entry of each stream of a leg; what is heard and done with is trimmed.
    """
    entries = [reply[0][0] for reply in oldest if reply and not isinstance(reply, CommandError)]
    return position - min((wire.id_halves(entry)[0] for entry in entries), default=position)
