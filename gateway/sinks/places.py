"""How far each sink has been told of each call, and which gateway looks after it; kept in Redis.

So any gateway goes on where another one ended.
"""

import time
from collections.abc import Sequence
from enum import Enum

from common.bus import commands, keys, scripts, sinks
from common.pipeline.streams import META, RECORDED, TEXT
from common.redis.link import Link, ScriptCall
from gateway.calls.directory import Known
from gateway.sinks.tally import Tally

_LEASE_S = 15.0
"""Seconds after which another gateway looks after a call that none has renewed."""
_MOST_CLAIMED = 100


class Standing(Enum):
    """How a call stands, by the answers of the script."""

    GONE = 0
    THERE = 1
    BROKEN = 2
    """It never came to its end; nothing follows what there is."""
    AGAIN = 3
    """An operator wants the sink to be told again, from the place that `begin` returns."""
    SKIPPED = 4
    """An operator wants the sink to get nothing more of it."""


class Places:
    """Those of one sink in all calls. Every method waits while Redis is away."""

    def __init__(self, link: Link, sink: str, every: Sequence[str] = ()) -> None:
        """Of `sink`; `every`: the names of all sinks."""
        self._link = link
        self._sink = sink
        self._all = every
        self._due = keys.due(sink)
        self._generation = link.generation
        self._told: dict[str, tuple[Known, int]] = {}
        fields = (commands.told_of, commands.again_of, commands.skip_of)
        self._fields = [of(sink) for of in fields]

    async def claim(self) -> list[str]:
        """Return what is due and nobody looks after; now this gateway does.

        Of a session that was erased it is what `common.bus.sinks.erasure` returns.
        """
        arguments = (round(_LEASE_S * 1000), _MOST_CLAIMED, 1)
        (found,) = await self._link.evaluate([(scripts.ORPHANS, [self._due], arguments)])
        return [session.decode() for session in found]

    async def renew(self, sessions: Sequence[str]) -> None:
        """Go on looking after these, apart from those that were finished meanwhile."""
        # A Redis that came back with older data may list none of them any more.
        anew, self._generation = self._generation != self._link.generation, self._link.generation
        if sessions:
            arguments = ("" if anew else "XX", *sessions)
            await self._link.evaluate([(scripts.RENEW_SESSIONS, [self._due], arguments)])

    async def leave(self, sessions: Sequence[str]) -> None:
        """Leave these to another gateway, immediately."""
        await self._link.insist([commands.due(self._sink, session) for session in sessions])

    async def finish(self, session: str) -> None:
        """Take note that nothing is left to be told of a call, or to be erased."""
        self._told.pop(session, None)  # it would keep the call for longer
        await self._link.insist([commands.undue(self._sink, session)])

    async def take(self, known: Known, retention: float) -> None:
        """Take note that the sink has a call, for `retention` seconds, after `finish`."""
        session, now = known.session, round(time.time() * 1000)
        taken = commands.take(self._sink, session, now, round(retention))
        again = commands.marked(self._meta(known), commands.again_of(self._sink))
        *_, wanted = await self._link.insist([*taken, again])
        if wanted:  # since before it was finished
            await self._link.insist([commands.due_to_nobody(self._sink, session)])

    async def release(self, known: Known, retention: float) -> None:
        """Let a call that is over live for `retention` seconds more, unless another sink lacks it.

        It has lived for longer if this sink needed that.
        """
        lacking = [commands.lacks(sink, known.session) for sink in self._all]
        if all(since is None for since in await self._link.insist(lacking)):
            await self._link.insist(commands.shorten(self._touched(known), round(retention)))

    async def begin(self, known: Known) -> tuple[Standing, int | None]:
        """Return how a call stands, and the last `seq` that was told; None if nothing was."""
        self._told.pop(known.session, None)
        return await self._touch(known, begins=True)

    def note(self, known: Known, seq: int) -> None:
        """Note with the next `write` that everything up to `seq` was told.

        A write for each message would cost more than a few that come twice when a gateway dies.
        """
        self._told[known.session] = known, seq

    async def write(self) -> None:
        """Write what was noted, but nothing of what has to be told again."""
        noted, self._told = self._told, {}
        if noted:
            await self._link.evaluate([self._touching(known, seq) for known, seq in noted.values()])

    async def keep(self, known: Known) -> Standing:
        """Keep a call for a while longer; return how it stands."""
        standing, _ = await self._touch(known)
        return standing

    async def tried(self, known: Known, message_id: str) -> float | None:
        """Return for how many seconds a message was tried in vain, by any gateway; 0.0 at first.

        None: the call is gone.
        """
        arguments = (message_id, commands.trying_of(self._sink))
        (since,) = await self._link.evaluate([(scripts.TRYING, [self._meta(known)], arguments)])
        return None if since is None else int(since) / 1000

    async def succeeded(self, known: Known) -> None:
        """Take note that nothing is tried in vain any more."""
        trying = commands.trying_of(self._sink)
        await self._link.insist([commands.unmark(self._meta(known), trying)])

    async def report(self, tally: Tally) -> None:
        """Add to what all gateways count of this sink."""
        counted = sinks.count(self._sink, *tally.taken())
        await self._link.insist([sinks.see(self._sink), *counted])

    async def _touch(self, known: Known, *, begins: bool = False) -> tuple[Standing, int | None]:
        ((standing, *told),) = await self._link.evaluate([self._touching(known, begins=begins)])
        return Standing(standing), int(told[0]) if told and told[0] is not None else None

    def _touching(self, known: Known, seq: int | str = "", *, begins: bool = False) -> ScriptCall:
        return scripts.TOLD, self._touched(known), (seq, keys.SINK_TTL, int(begins), *self._fields)

    def _touched(self, known: Known) -> list[bytes]:
        kinds = (TEXT, RECORDED) if known.record.recorded else (TEXT,)
        legs = known.record.legs(known.session)
        return [self._meta(known), *(leg.key(kind) for leg in legs for kind in kinds)]

    @staticmethod
    def _meta(known: Known) -> bytes:
        return keys.session_key(known.session, META)
