"""The sessions in Redis: written, taken over, renewed, and given up."""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from common.bus import commands, keys, scripts, wire
from common.bus.doorbells import CALL, notify
from common.bus.keys import Leg
from common.bus.offers import offer
from common.bus.wire import StreamId
from common.pipeline.stages import OPTIONAL, PIPELINE, RENEWED, WORKING, StageSpec, Unit
from common.pipeline.streams import AUDIO, CHECKPOINT, META, OF_A_SESSION, RECORDED, TEXT, TRACE
from common.pipeline.work import LegWork
from common.redis.link import Link, ScriptCall
from gateway.protocols.commands import MAX_CHANNELS
from gateway.record import ResumeToken, SessionRecord
from gateway.uplink.leg import StoredLeg

ERASED = "erased"
"""Owner of a session that is being erased."""
WEBHOOK = "webhook"
"""The sink of the calls that have a URL."""
RECORDINGS = "recordings"
"""The sink of the calls that are recorded."""
_KEY_BYTES = 32
"""Of the key that what is put aside of a recording is encrypted with, until the call is over."""
MOST_ORPHANS = 50
"""Orphaned calls that a gateway adopts at a time: other gateways may have room as well."""


class Work(NamedTuple):
    """A work item of a leg, by its stage."""

    stage: str
    leg: Leg


@dataclass(frozen=True, slots=True)
class Acquired:
    """A session that a gateway has become the owner of, as its former owner left it.

    Per channel: how many of the client's controls took effect, and where its audio ends, or None.
    """

    session: str
    record: SessionRecord
    gateway: str
    seq: int
    controls: tuple[int, ...]
    ends: tuple[int | None, ...]


class Remains(Enum):
    """What stays of a call for its retention, beside its text and trace."""

    WHOLE = "whole"
    """It came to its end: it can be read, and resumed to be told again."""
    BROKEN = "broken"
    """It did not: what there is can be read. Workers may still have work of it, and drop that."""
    NOTHING = "nothing"
    """It never began; workers drop it likewise."""


class Superseded(Exception):
    """A later attempt of the same client to resume has the session."""


class SessionStore:
    """All sessions of all gateways. Every method waits while Redis is away.

    `sinks`: the names of those that get every call. `webhook`: whether each call has a URL.
    `records`: whether calls can be recorded.
    """

    def __init__(
        self,
        link: Link,
        gateway: str,
        sinks: Sequence[str] = (),
        *,
        webhook: bool = False,
        records: bool = False,
    ) -> None:
        self._link = link
        self._gateway = gateway
        self._sinks = sinks
        self._recordings = (RECORDINGS,) if records else ()
        self.all_sinks = (*sinks, *self._recordings, WEBHOOK)
        """Also those that get only some calls."""
        self.of_any_call = (*sinks, *self._recordings, *((WEBHOOK,) if webhook else ()))
        """Those that may have a call that nothing is known of."""

    async def open(self, token: ResumeToken, owner: str, record: SessionRecord) -> None:
        """Write a session and offer its legs to the stages; may be repeated."""
        # First the session, then its work items: a stage drops those without a session.
        meta = keys.session_key(token.session, META)
        described = commands.describe(
            meta,
            session=record.pack(),
            options=record.pack_options(),
            secret=token.digest(record.tenant),
            owner=owner,
            gateway=self._gateway,
            opened=(now := round(time.time() * 1000)),
            **({commands.RECORDING: os.urandom(_KEY_BYTES)} if record.recorded else {}),
        )
        names = [commands.call_by(record.tenant, name, token.session, now) for name in record.names]
        names += [commands.due(sink, token.session) for sink in self.sinks_of(record)]
        await self._link.insist([described, *commands.renew([meta])])
        # Only now: nobody who finds it there may think that it is gone.
        # Others may have that name, and be kept for longer.
        named = [keys.named(record.tenant, name) for name in record.names]
        await self._link.insist([*names, *map(commands.limit, named), *commands.lengthen(named)])
        await self._link.evaluate([_listing([token.session]), *work_items(token.session, record)])

    def sinks_of(self, record: SessionRecord) -> Sequence[str]:
        """Return the sinks that get a call."""
        recordings = self._recordings if record.recorded else ()
        return (*self._sinks, *recordings, *((WEBHOOK,) if record.about.webhook else ()))

    async def acquire(
        self, session: str, owner: str, *, proof: str = "", attempt: int = 0, former: str = ""
    ) -> Acquired | None:
        """Make `owner` the owner of a session; None if there is none, or `proof` is wrong.

        `proof` is a token's digest, empty where a gateway adopts an orphan. `attempt` numbers the
        client's attempts, 0 if it does not number them. Raises Superseded if a later attempt has
        the session, or if `former` is given and no longer the owner.

        Only one answer is awaited: of two in this process, the later owner is told later.
        """
        meta = keys.session_key(session, META)
        arguments = (proof, owner, self._gateway, keys.SESSION_TTL, attempt, former, MAX_CHANNELS)
        (found,) = await self._link.evaluate([(scripts.ACQUIRE_CALL, [meta], arguments)])
        if found == -1:
            raise Superseded(session)
        if not found:
            return None
        terms, options, gateway, seq, *per_channel = found
        record = SessionRecord.unpack(terms, options)
        controls = [int(count or 0) for count in per_channel[::2]]
        ends = [None if end is None else int(end) for end in per_channel[1::2]]
        channels = record.audio.channels
        return Acquired(
            session=session,
            record=record,
            gateway=(gateway or b"").decode(),
            seq=int(seq or 0),
            controls=tuple(controls[:channels]),
            ends=tuple(ends[:channels]),
        )

    async def stored(self, acquired: Acquired) -> list[StoredLeg]:
        """List a session as one that has a gateway; return what Redis has of its audio."""
        await self._link.evaluate([_listing([acquired.session])])
        legs = [Leg(acquired.session, channel) for channel in range(len(acquired.ends))]
        replies = await self._link.insist([commands.facts(leg.key(AUDIO)) for leg in legs])
        # When a session is over, its audio is gone and its end is known.
        return [
            StoredLeg(
                max(wire.last_id(reply), StreamId(end or 0, wire.AUDIO_ORDER)), end is not None
            )
            for reply, end in zip(replies, acquired.ends, strict=True)
        ]

    async def announce(self, session: str, gateway: str) -> None:
        """Ring a session's former gateway, which then looks up the owner."""
        await self._link.insist([notify(keys.out(gateway), (str(Leg(session, 0)), CALL))])

    async def owners(self, sessions: Sequence[str]) -> list[str | None]:
        """Return the owner of each session, None if Redis does not hold it."""
        metas = [keys.session_key(session, META) for session in sessions]
        replies = await self._link.insist([commands.owner(meta) for meta in metas])
        return [_decoded(owner) for owner in replies]

    async def given_up(self, sessions: Sequence[tuple[str, SessionRecord]]) -> dict[str, list[int]]:
        """Return the channels of sessions whose leg a stage has given up, where there are any."""
        legs = [
            (leg, CHECKPOINT.of(stage.name))
            for session, record in sessions
            for leg in record.legs(session)
            for stage in _on_legs(record)
        ]
        newest = await self._link.insist([commands.last(leg.key(kind)) for leg, kind in legs])
        found: dict[str, list[int]] = {}
        for (leg, _), entries in zip(legs, newest, strict=True):
            progress = wire.read_progress(entries[0]) if entries else None
            if progress is not None and progress.failed:
                found.setdefault(leg.session, []).append(leg.channel)
        return found

    async def renew(self, calls: Sequence[tuple[str, str, SessionRecord]]) -> list[str | None]:
        """Keep calls alive for `SESSION_TTL` more, each given as id, owner and terms, if it is so.

        Returns who owns each in truth, None if Redis does not hold it.
        """
        if not calls:
            return []
        found = await self._link.evaluate(
            [
                (scripts.RENEW_CALL, _living(session, record), (owner, keys.SESSION_TTL))
                for session, owner, record in calls
            ]
        )
        owners = [_decoded(owner) for owner in found]
        mine = [
            (session, record)
            for (session, owner, record), by in zip(calls, owners, strict=True)
            if by == owner
        ]
        named = {keys.named(record.tenant, name) for _, record in mine for name in record.names}
        await self._link.insist(commands.lengthen(named))
        if mine:
            await self._link.evaluate([_renewal(session for session, _ in mine)])
        return owners

    async def retire(
        self,
        session: str,
        owner: str,
        record: SessionRecord,
        *,
        retention: float,
        remains: Remains,
    ) -> None:
        """Remove a call's working keys; what remains stays for `retention` seconds.

        It stays for `SINK_TTL` at least while a sink lacks it: the gateway that was about to bring
        it there may be gone. Nothing of a call changes that has another owner by now.
        """
        legs = record.legs(session)
        kept = [*(leg.key(TEXT) for leg in legs), keys.session_key(session, TRACE)]
        working = [leg.key(kind) for leg in legs for kind in WORKING]
        names = [keys.session_key(session, META), *kept, *working]
        lives = round(retention)
        if await self._is_lacked(session):
            lives = max(lives, keys.SINK_TTL)
        arguments = (owner, lives, len(kept), remains.value)
        (found,) = await self._link.evaluate([(scripts.RETIRE_CALL, names, arguments)])
        if _decoded(found) not in (owner, None, ERASED):
            return
        if lives > retention:
            # No sink needs the trace; and by now none may lack anything any more.
            over = kept[-1:] if await self._is_lacked(session) else [names[0], *kept]
            await self._link.insist(commands.shorten(over, round(retention)))
        named = [keys.named(record.tenant, name) for name in record.names]
        await self._link.insist(commands.lengthen(named, max(keys.SESSION_TTL, round(retention))))
        await self.strike(session)

    async def _is_lacked(self, session: str) -> bool:
        """Tell whether a sink has not got all of a session."""
        lacking = [commands.lacks(sink, session) for sink in self.all_sinks]
        return any(since is not None for since in await self._link.insist(lacking))

    async def reopen(self, sessions: Iterable[tuple[str, SessionRecord]]) -> None:
        """List running sessions and offer their legs once more: Redis may have lost that."""
        running = list(sessions)
        listing = _listing(session for session, _ in running)
        await self._link.evaluate(
            [listing, *(call for each in running for call in work_items(*each))]
        )

    async def offer(self, session: str, record: SessionRecord, work: Work) -> None:
        """Offer one work item of a running session once more."""
        await self._link.evaluate(work_items(session, record, [work]))

    async def orphans(self, silence: float) -> list[tuple[str, str]]:
        """Return sessions that no gateway has renewed for `silence` seconds, for this one to end.

        Each comes with its last owner, which is read before this gateway reserves the session: its
        client may resume elsewhere in between.
        """
        candidates = await self._silent(silence, 0)
        owners = dict(zip(candidates, await self.owners(candidates), strict=True))
        mine = await self._silent(silence, 1) if candidates else []
        # Any other was not yet silent at the first question: it will be found again.
        return [(session, owners[session] or "") for session in mine if session in owners]

    async def _silent(self, silence: float, adopt: int) -> list[str]:
        arguments = (round(silence * 1000), MOST_ORPHANS, adopt)
        (found,) = await self._link.evaluate([(scripts.ORPHANS, [keys.sessions()], arguments)])
        return [session.decode() for session in found]

    async def strike(self, session: str) -> None:
        """Remove a session from the list: no gateway needs to end it any more."""
        await self._link.insist([commands.strike(session)])


def works(session: str, record: SessionRecord) -> list[Work]:
    """Return what has to be done for a session's legs."""
    per_leg = _on_legs(record)
    return [Work(stage.name, leg) for leg in record.legs(session) for stage in per_leg]


def work_items(
    session: str, record: SessionRecord, wanted: Sequence[Work] | None = None
) -> list[ScriptCall]:
    """Return the script calls that create work items of a session, each once; all by default."""
    item = LegWork(
        options=record.options,
        gateway=record.doorbell,
        source="clean" if record.denoised else "audio",
        events=record.speech,
        beside=record.stages.intersection(spec.name for spec in OPTIONAL),
        tenant=record.tenant,
    )
    which = works(session, record) if wanted is None else wanted
    return [offer(work.stage, str(work.leg), item) for work in which]


def _on_legs(record: SessionRecord) -> list[StageSpec]:
    """Return the stages that work on the legs of such a session, in order."""
    of_it = [spec for spec in PIPELINE if spec.required or spec.name in record.stages]
    return [spec for spec in of_it if spec.unit is Unit.LEG]


def _living(session: str, record: SessionRecord) -> list[bytes]:
    """Return what lives as long as a session, its meta hash first."""
    # Checkpoints too: without a worker nothing else renews them, and a worker that starts later
    # must not count utterances from the beginning again.
    kinds = (*RENEWED, RECORDED) if record.recorded else RENEWED
    streams = [leg.key(kind) for leg in record.legs(session) for kind in kinds]
    return [*(keys.session_key(session, kind) for kind in OF_A_SESSION), *streams]


def _listing(sessions: Iterable[str]) -> ScriptCall:
    return (scripts.RENEW_SESSIONS, [keys.sessions()], ("", *sessions))


def _renewal(sessions: Iterable[str]) -> ScriptCall:
    return (scripts.RENEW_SESSIONS, [keys.sessions()], ("XX", *sessions))


def _decoded(owner: object) -> str | None:
    return owner.decode() if isinstance(owner, bytes) else None
