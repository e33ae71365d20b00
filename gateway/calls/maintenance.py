"""A gateway's periodic work for its calls: it keeps them alive, and ends orphaned ones."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from uuid import uuid4

from common.audio import SAMPLE_RATE, seconds
from common.bus import commands, keys, wire
from common.pipeline.stages import VAD
from common.pipeline.streams import AUDIO, CHECKPOINT, CLEAN, RECORDED, SOURCES, Stream
from common.redis.link import CommandError, Link, Reply
from common.telemetry.logs import Log
from gateway.access.meter import Meter
from gateway.admission.handshake import Handshakes
from gateway.calls.call import Call
from gateway.calls.opening import Openings, Refused, Resumption
from gateway.calls.store import SessionStore
from gateway.calls.table import Calls
from gateway.record import SessionRecord
from gateway.uplink.stored import Stored, to_pause
from gateway.uplink.throttle import Throttle

RENEW_EVERY = 10.0
_LOOK_EVERY = 1.0
_STORES_EVERY = 0.25
_AUDIO_KEPT = 300 * SAMPLE_RATE
"""Hard cap of a leg's audio in Redis, and of its denoised audio: reached only when nothing consumes
it for five minutes."""

_HEARD = CHECKPOINT.of(VAD.name)
"""Tells how far a leg's audio was heard: recognition is not ahead of that."""

_log = Log(__name__)


class Maintenance:
    """Maintains the calls of one gateway; `counted` returns the names that count in admission.

    `most_audio` returns the seconds of audio that the API key with an id has a day, 0 for no limit.
    """

    def __init__(
        self,
        link: Link,
        store: SessionStore,
        calls: Calls,
        openings: Openings,
        handshakes: Handshakes,
        counted: Callable[[], Iterable[str]],
        meter: Meter,
        most_audio: Callable[[str], int],
        *,
        resume_s: float,
    ) -> None:
        self._link = link
        self._store = store
        self._calls = calls
        self._openings = openings
        self._handshakes = handshakes
        self._counted = counted
        self._meter = meter
        self._most_audio = most_audio
        self._resume_s = resume_s
        self._generation = link.generation

    async def renew_for_ever(self) -> None:
        """Keep running calls alive and their audio within its cap; end lost and orphaned ones."""
        patience = 0
        while True:
            began = time.monotonic()
            await self._wait()
            calls = [call for call in self._calls if call.running]
            moved = self._link.generation != self._generation
            if moved:
                self._generation = self._link.generation
                await self._store.reopen([(call.id, call.intake.record) for call in calls])
            await self._renew(calls)
            await self._handshakes.renew(self._counted())
            # After an outage every call looks orphaned until its gateway has renewed it.
            late = time.monotonic() - began > 2 * RENEW_EVERY
            patience = 2 if late or moved else max(0, patience - 1)
            if not patience:
                await self._adopt_orphans()

    async def tell_lag_for_ever(self) -> None:
        """Tell clients that ask for it how far recognition is behind their audio."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            calls = [call for call in self._calls if call.tells_lag]
            legs = [(call, leg) for call in calls for leg in call.intake.legs]
            checkpoints = await self._link.insist(
                [commands.last(leg.leg.key(_HEARD)) for _, leg in legs]
            )
            heard: dict[Call, dict[int, int]] = {call: {} for call in calls}
            for (call, leg), entries in zip(legs, checkpoints, strict=True):
                if entries and (progress := wire.read_progress(entries[0])) is not None:
                    heard[call][leg.leg.channel] = progress.heard.position
            for call, positions in heard.items():
                if call.running:
                    call.heard(positions)

    async def bound_stores_for_ever(self) -> None:
        """Stop reading the audio of calls that have too much in store."""
        while True:
            await asyncio.sleep(_STORES_EVERY)
            calls = [
                call
                for call in self._calls
                if call.running and call.attended and call.intake.runs_ahead
            ]
            legs = [call.intake.legs[0].leg for call in calls]
            oldest = await self._link.insist(
                [commands.first(leg.key(kind)) for leg in legs for kind in SOURCES]
            )
            stored = [
                Stored(
                    call.caller,
                    seconds(_behind(call.intake.position, oldest[2 * at : 2 * at + 2])),
                    call.intake.record.options.max_utterance,
                    call.throttle.stored,
                )
                for at, call in enumerate(calls)
            ]
            for call, paused in zip(calls, to_pause(stored), strict=True):
                if call.running:
                    call.throttle.keep(paused)

    async def _wait(self) -> None:
        """Wait for the next round, which is immediate when Redis has come back with older data."""
        for _ in range(round(RENEW_EVERY / _LOOK_EVERY)):
            if self._link.generation != self._generation:
                return
            await asyncio.sleep(_LOOK_EVERY)

    async def _renew(self, calls: Sequence[Call]) -> None:
        owners = await self._store.renew(
            [(call.id, call.owner, call.intake.record) for call in calls]
        )
        alive: list[Call] = []
        now = time.monotonic()
        for call, owner in zip(calls, owners, strict=True):
            if not call.running:
                continue
            if owner is None:
                call.lose("session_lost", "Redis came back without this call")
            elif owner != call.owner:
                # Found by polling, not announced by a new owner: Redis may only have lost data.
                call.release()
            elif now - (call.finishing_since or now) > keys.SESSION_TTL:
                call.lose("unfinished", "the last words were not recognised in time")
            else:
                call.output.forgo_overdue_words()
                alive.append(call)
        given_up = await self._store.given_up([(call.id, call.intake.record) for call in alive])
        for call in alive:
            if call.running and (channels := given_up.get(call.id)):
                call.lose_leg(channels[0])
        await self._account(alive)
        long = [
            (leg, kind)
            for call in alive
            for kind in _bounded(call.intake.record)
            for leg in call.intake.legs
            if leg.position > _AUDIO_KEPT
        ]
        removed = await self._link.insist(
            [commands.trim(leg.leg.key(kind), leg.position - _AUDIO_KEPT) for leg, kind in long]
        )
        for (leg, kind), entries in zip(long, removed, strict=True):
            if entries and kind is RECORDED:
                _log.error("recording.lost", leg=str(leg.leg), entries=entries)

    async def _account(self, calls: Sequence[Call]) -> None:
        """Tell what calls have used; end those whose API key has no audio left today."""
        spent = await self._meter.tell([call.used for call in calls])
        for call in calls:
            most = self._most_audio(call.intake.record.key)
            if most and spent.get(call.intake.record.key, 0) >= 1000 * most and call.running:
                call.overdraw()

    async def _adopt_orphans(self) -> None:
        """End calls whose gateway has died and whose client has not resumed them."""
        # Gateways renew a little later than each `RENEW_EVERY`; all are late when Redis was away.
        silence = max(self._resume_s, 2 * RENEW_EVERY) + RENEW_EVERY
        orphans = await self._store.orphans(silence)
        await asyncio.gather(
            *(self.adopt(call, owner) for call, owner in orphans if call not in self._calls)
        )

    async def adopt(self, session: str, former: str) -> None:
        """Take over an orphaned call from its last owner, and end it."""
        _log.warning("session.orphaned", session=session)
        adoption = _Adoption()
        try:
            found = await self._openings.adopt(adoption, session, former)
        except Refused as refused:
            _log.warning("session.refused", session=session, reason=str(refused))
            return
        except Exception as error:
            _log.exception("session.open_failed", error, session=session)
            return
        if adoption.superseded:
            return
        try:
            self._end_orphan(session, adoption, found)
        except Exception as error:
            # It would end one gateway after the other, as each adopts it.
            _log.exception("session.open_failed", error, session=session)
            self._calls.let_go(adoption, session)
            await self._store.strike(session)

    def _end_orphan(self, session: str, adoption: "_Adoption", found: Resumption) -> None:
        acquired = found.acquired
        call = self._calls.begin(
            acquired.record,
            Throttle.idle(session),
            name=session,
            owner=adoption.owner,
            stored=found.stored,
            seq=acquired.seq,
        )
        self._calls.stored(call)
        _log.info("session.adopted", session=session)
        call.finish()


class _Adoption:
    """An orphaned call that this gateway is about to take over."""

    def __init__(self) -> None:
        self.owner = uuid4().hex
        self.superseded = False

    def supersede(self) -> None:
        """See `gateway.calls.table.Holder`."""
        self.superseded = True


def _bounded(record: SessionRecord) -> Sequence[Stream]:
    """Return the streams of a leg's audio."""
    clean = (CLEAN,) if record.denoised else ()
    return (AUDIO, *clean, RECORDED) if record.recorded else (AUDIO, *clean)


def _behind(position: int, oldest: Sequence[Reply]) -> int:
    """Return the samples between the oldest entry that Redis still has and where audio ends.

    `oldest` is the first entry of each stream of a leg; audio that is no longer needed is trimmed.
    """
    entries = [reply[0][0] for reply in oldest if reply and not isinstance(reply, CommandError)]
    return position - min((wire.id_halves(entry)[0] for entry in entries), default=position)
