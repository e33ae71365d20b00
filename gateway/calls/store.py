"""The sessions as Redis holds them: written down, taken over, renewed, and given up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from common.bus import commands, keys, scripts, wire
from common.bus.doorbells import notify
from common.bus.keys import Leg
from common.bus.offers import offer
from common.bus.wire import StreamId
from common.pipeline.stages import RENEWED, WORKING, Unit, for_call
from common.pipeline.streams import AUDIO, META, TEXT
from common.pipeline.work import LegWork
from common.redis.link import CommandError, Link, ScriptCall
from gateway.calls.record import ResumeToken, SessionRecord
from gateway.downlink.reader import OWNER
from gateway.protocols.commands import MAX_CHANNELS

MOST_ORPHANS = 50
"""Orphans that a gateway takes at a time: others may have room as well."""


@dataclass(frozen=True, slots=True)
class StoredLeg:
    """What Redis has of a leg's audio: everything up to `last`; `ended`: and nothing follows."""

    last: StreamId
    ended: bool


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


class Superseded(Exception):
    """A later attempt of the same client to come back has the session."""


class SessionStore:
    """All sessions of all gateways. Every method waits as long as Redis is away."""

    def __init__(self, link: Link, gateway: str) -> None:
        self._link = link
        self._gateway = gateway

    async def open(self, token: ResumeToken, owner: str, record: SessionRecord) -> None:
        """Write a session down and offer its legs to the stages; may be repeated."""
        # First the session, then its work items: a stage drops work items of a session that is not
        # there.
        meta = keys.session_key(token.session, META)
        described = commands.describe(
            meta,
            session=record.pack(),
            options=record.pack_options(),
            secret=token.digest,
            owner=owner,
            gateway=self._gateway,
        )
        await self._link.insist([described, *commands.renew([meta])])
        await self._link.evaluate([_renewal([token.session]), *work_items(token.session, record)])

    async def acquire(
        self, session: str, owner: str, *, proof: str = "", attempt: int = 0, former: str = ""
    ) -> Acquired | None:
        """Make `owner` the owner of a session; None if there is none, or `proof` is wrong.

        `proof` is a token's digest, empty where a gateway takes a session on its own account.
        `attempt` numbers the client's attempts, 0 where it does not; Superseded if a later one has
        the session already. With `former`, only if that is still the owner.
        """
        meta = keys.session_key(session, META)
        arguments = (proof, owner, self._gateway, keys.SESSION_TTL, attempt, former, MAX_CHANNELS)
        (found,) = await self._link.evaluate([(scripts.ACQUIRE_CALL, [meta], arguments)])
        if found == -1:
            raise Superseded(session)
        if not found:
            return None
        # Only of a call that there is: anybody may ask for any name.
        await self._link.evaluate([_renewal([session])])
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
        """Return what Redis has of a session's audio, per channel."""
        legs = [Leg(acquired.session, channel) for channel in range(len(acquired.ends))]
        replies = await self._link.insist([commands.facts(leg.key(AUDIO)) for leg in legs])
        # Of a session that is over, the audio is gone and its end is known.
        return [
            StoredLeg(max(last_id(reply), StreamId(end or 0, wire.AUDIO_ORDER)), end is not None)
            for reply, end in zip(replies, acquired.ends, strict=True)
        ]

    async def announce(self, session: str, gateway: str) -> None:
        """Tell a session's former gateway to look who owns it now."""
        await self._link.insist([notify(keys.out(gateway), (str(Leg(session, 0)), OWNER))])

    async def owners(self, sessions: Sequence[str]) -> list[str | None]:
        """Return who owns each session, None for those that Redis does not hold."""
        metas = [keys.session_key(session, META) for session in sessions]
        replies = await self._link.insist([commands.owner(meta) for meta in metas])
        return [owner.decode() if isinstance(owner, bytes) else None for owner in replies]

    async def renew(self, legs: Sequence[Leg]) -> None:
        """Keep the sessions of these legs alive for `SESSION_TTL` more."""
        if not legs:
            return
        metas = {leg.meta for leg in legs}
        # Checkpoints too: without any worker nobody else does, and one that comes later must not
        # begin to count utterances anew.
        streams = [leg.key(kind) for leg in legs for kind in RENEWED]
        await self._link.evaluate([_renewal(sorted({leg.session for leg in legs}))])
        await self._link.insist(commands.renew((*metas, *streams)))

    async def retire(
        self, session: str, legs: Sequence[Leg], retention: float, *, whole: bool
    ) -> None:
        """Remove a session's working keys; its text stays readable for `retention` seconds.

        One that is not `whole`, because it never began or never came to its end, is gone at once:
        workers may still hold its work items, and let go of what has no session.
        """
        meta = keys.session_key(session, META)
        kept = [leg.key(TEXT) for leg in legs] + ([meta] if whole else [])
        await self._link.insist(
            [
                *(commands.remove(leg.key(kind)) for leg in legs for kind in WORKING),
                *commands.renew(kept, round(retention)),
                *([] if whole else [commands.remove(meta)]),
            ]
        )
        await self.strike(session)

    async def reopen(self, sessions: Iterable[tuple[str, SessionRecord]]) -> None:
        """Offer the legs of running sessions once more: Redis may have lost that."""
        await self._link.evaluate([call for each in sessions for call in work_items(*each)])

    async def orphans(self, silence: float) -> list[tuple[str, str]]:
        """Return sessions that no gateway has renewed for so many seconds, for this one to end.

        Each with its last owner, who is asked for before it counts as this gateway's to end: its
        client may come back elsewhere in between.
        """
        candidates = await self._silent(silence, 0)
        owners = dict(zip(candidates, await self.owners(candidates), strict=True))
        mine = await self._silent(silence, 1) if candidates else []
        # Others were silent for less long when it was asked: they are found again.
        return [(session, owners[session] or "") for session in mine if session in owners]

    async def _silent(self, silence: float, adopt: int) -> list[str]:
        arguments = (round(silence * 1000), MOST_ORPHANS, adopt)
        (found,) = await self._link.evaluate([(scripts.ORPHANS, [keys.sessions()], arguments)])
        return [session.decode() for session in found]

    async def strike(self, session: str) -> None:
        """Take a session off the list: nobody needs to end it any more."""
        await self._link.insist([commands.strike(session)])


def last_id(reply: object) -> StreamId:
    """Return the last place ever written in a stream, from Redis's answer to XINFO STREAM."""
    if isinstance(reply, CommandError) or not isinstance(reply, list):
        return wire.NOTHING
    facts = dict(zip(reply[::2], reply[1::2], strict=True))
    return StreamId(*wire.id_halves(facts[b"last-generated-id"]))


def work_items(session: str, record: SessionRecord) -> list[ScriptCall]:
    """Return the calls that offer the work items of a session's legs, each once."""
    work = LegWork(
        options=record.options,
        gateway=record.doorbell,
        source="clean" if record.options.denoise else "audio",
        events=record.speech,
        align=record.align,
    )
    per_leg = [spec.name for spec in for_call(record.options) if spec.unit is Unit.LEG]
    legs = [Leg(session, channel) for channel in range(record.audio.channels)]
    return [offer(stage, str(leg), work) for leg in legs for stage in per_leg]


def _renewal(sessions: Sequence[str]) -> ScriptCall:
    return (scripts.RENEW_SESSIONS, [keys.sessions()], tuple(sessions))
