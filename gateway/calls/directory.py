"""Calls of any gateway, found by their ids or by what clients call them; and how one is erased."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from common.bus import commands, keys, wire
from common.bus.keys import Leg
from common.pipeline.stages import PIPELINE
from common.pipeline.streams import CHECKPOINT, META, OF_A_LEG, TEXT, TRACE
from common.redis.link import Link
from common.telemetry.logs import Log
from gateway.calls.erasures import Erased, Erasures
from gateway.calls.forgetting import Forgetting
from gateway.calls.store import ERASED, SessionStore
from gateway.record import SessionRecord

_SESSION = re.compile(r"[0-9a-f]{32}")
_MOST_LISTED = 1000
_NOTICE = 0.5
"""Seconds for the call's gateway to see that it is being erased, before nothing is left to see."""
_FINISHING = 2.0
"""Seconds that erasures may take when the gateway ends, and then the last look."""
_LATE_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between looks for what workers still wrote after a call was erased."""
_OPEN_UTTERANCES = 64
"""Utterances after the last one of a text that may have keys of their own."""

_log = Log(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A call that Redis holds: running, or over and kept for a while. `opened`: ms since 1970.

    `broken`: it never came to its end; nothing follows what there is.
    """

    session: str
    record: SessionRecord
    gateway: str
    opened: int
    broken: bool = False


class Directory:
    """All calls in Redis. Every method waits while Redis is away."""

    def __init__(self, link: Link, store: SessionStore) -> None:
        self._link = link
        self._store = store
        self._forgetting = Forgetting(link)
        self._erasures = Erasures(link)
        self._erasing: set[asyncio.Task[None]] = set()
        self._later: dict[asyncio.Task[None], tuple[Known, Sequence[bytes]]] = {}
        """What looks for late writes to an erased call's keys."""

    async def find(self, name: str, tenant: str | None) -> list[Known]:
        """Return a tenant's calls with this id or name, in the order in which they began.

        Without a tenant, the call with this id, whosever it is.
        """
        named = commands.called(tenant, name) if tenant is not None else None
        (listed,) = await self._link.insist([named]) if named is not None else ([],)
        called = [each.decode() for each in listed]
        found = await self._known([name, *called])
        if tenant is not None and (gone := set(called) - {known.session for known in found}):
            await self._link.insist([commands.call_no_more(tenant, name, *gone)])
        return [known for known in found if tenant in (None, known.record.tenant)]

    async def running(self, tenant: str | None) -> list[Known]:
        """Return the running calls of a tenant, or of all, at most `_MOST_LISTED`."""
        (listed,) = await self._link.insist([commands.running()])
        found: list[Known] = []
        for some in range(0, len(listed), _MOST_LISTED):
            batch = [each.decode() for each in listed[some : some + _MOST_LISTED]]
            found += [
                known for known in await self._known(batch) if tenant in (None, known.record.tenant)
            ]
            if len(found) >= _MOST_LISTED:
                break
        return found[:_MOST_LISTED]

    async def _known(self, sessions: Sequence[str]) -> list[Known]:
        metas = [keys.session_key(session, META) for session in sessions]
        replies = await self._link.insist([commands.describing(meta) for meta in metas])
        found = []
        for session, reply in zip(sessions, replies, strict=True):
            terms, options, gateway, opened, secret = reply
            if terms is not None:
                record = SessionRecord.unpack(terms, options)
                owner, began, broken = gateway.decode(), int(opened), secret is None
                found.append(Known(session, record, owner, began, broken))
        return sorted(found, key=lambda known: known.opened)

    async def erase(self, known: Known) -> None:
        """End a call wherever it is, and remove everything that Redis has of it.

        It goes on when its caller is cancelled: half an erasure would be found by nobody.
        """
        task = asyncio.create_task(self._erase(known), name="erase")
        self._erasing.add(task)
        task.add_done_callback(self._erasing.discard)
        await asyncio.shield(task)

    async def erase_unknown(self, name: str) -> bool:
        """Remove a call that Redis does not have from every sink; False if it can be in none."""
        sinks = self._store.of_any_call
        if not sinks or _SESSION.fullmatch(name) is None:
            return False
        await self._erasures.begin(name, sinks, tenant=None, webhook="")
        _log.info("session.erased", session=name)
        return True

    async def erasure(self, session: str) -> Erased | None:
        """Return what became of a call's erasure in sinks; None if nobody asked for it."""
        return await self._erasures.read(session)

    async def _erase(self, known: Known) -> None:
        session = known.session
        if await self._store.acquire(session, ERASED) is None:
            return
        # First of all what outlives this gateway: without the session nobody may ask once more.
        if sinks := self._store.sinks_of(known.record):
            webhook = known.record.about.webhook
            await self._erasures.begin(session, sinks, tenant=known.record.tenant, webhook=webhook)
        await self._store.announce(session, known.gateway)
        await asyncio.sleep(_NOTICE)
        # First the session itself: without it, workers write nothing more.
        await self._link.insist([commands.remove(keys.session_key(session, META))])
        every = [key for leg in known.record.legs(session) for key in await self._keys_of(leg)]
        every.append(keys.session_key(session, TRACE))
        await self._link.insist([commands.remove(*every)])
        names = [
            commands.call_no_more(known.record.tenant, name, session) for name in known.record.names
        ]
        undue = [commands.undue(sink, session) for sink in self._store.all_sinks]
        undue += [commands.forget_taken(sink, session) for sink in self._store.all_sinks]
        await self._link.insist([commands.strike(session), *undue, *names])
        await self._forget(known)
        task = asyncio.create_task(self._remove_late(known, every), name="erase late writes")
        self._later[task] = known, every
        task.add_done_callback(self._later.pop)
        _log.info("session.erased", session=session)

    async def close(self) -> None:
        """Finish erasures; what is written even later is left to the keys' own lifetimes."""
        if self._erasing:
            await asyncio.wait(self._erasing, timeout=_FINISHING)
        late = dict(self._later)
        for task in (*self._erasing, *late):
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FINISHING):
                for _, every in late.values():
                    await self._link.insist([commands.remove(*every)])
                await asyncio.gather(*(self._forget(known) for known, _ in late.values()))

    async def _keys_of(self, leg: Leg) -> list[bytes]:
        (facts,) = await self._link.insist([commands.facts(leg.key(TEXT))])
        return list(_keys_of(leg, wire.last_id(facts).position + _OPEN_UTTERANCES))

    async def _forget(self, known: Known) -> None:
        gateways = {known.gateway, known.record.doorbell}
        legs = frozenset(known.record.legs(known.session))
        await self._forgetting.forget(known.session, legs, gateways)

    async def _remove_late(self, known: Known, every: Sequence[bytes]) -> None:
        """Remove what workers begin that do not know yet: they notice within seconds."""
        for pause in _LATE_PAUSES:
            await asyncio.sleep(pause)
            await self._link.insist([commands.remove(*every)])
        await self._forget(known)


def _keys_of(leg: Leg, last: int) -> Iterator[bytes]:
    """Return every key that a leg may have, with utterances up to `last`."""
    for kind in OF_A_LEG:
        if not kind.number:
            yield leg.key(kind)
        elif kind is CHECKPOINT:
            yield from (leg.key(kind.of(spec.name)) for spec in PIPELINE)
        else:
            yield from (leg.key(kind.of(number)) for number in range(1, last + 1))
