"""Results out of Redis: the doorbell says where to look, the legs' streams say what is there.

A doorbell may be lost or cut off; the sweep looks everywhere once a second, so a hint that is lost
costs latency and nothing else.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from common.bus import keys, wire
from common.bus.keys import Leg
from common.bus.link import Link
from common.bus.reading import MOST_ENTRIES, Cursor, read_streams
from common.errors import BusUnavailable
from common.telemetry.metrics import BusMetrics

SWEEP_EVERY = 1.0
_BLOCK_MS = 500
_MOMENT = 0.004


class Listener(Protocol):
    """A session as the downlink sees it."""

    def cursors(self, kinds: Mapping[Leg, set[str]] | None) -> Iterable[Cursor]:
        """Return what to read, for the kinds of streams rung per leg; None: for everything."""

    def deliver(self, news: Mapping[bytes, list[wire.RawEntry]]) -> None:
        """Take new entries by stream key; all of one session come in one call."""


class Downlink:
    """The one reader of this gateway's doorbell and of its sessions' results."""

    def __init__(self, link: Link, doorbell: Link, gateway: str, metrics: BusMetrics) -> None:
        self._link = link
        self._doorbell = doorbell
        self._key = keys.out(gateway)
        self._metrics = metrics
        self._sessions: dict[str, Listener] = {}
        self._looking = asyncio.Lock()

    def add(self, session: str, listener: Listener) -> None:
        """Deliver this session's results from now on."""
        self._sessions[session] = listener

    def remove(self, session: str) -> None:
        """Stop delivering to a session."""
        self._sessions.pop(session, None)

    async def run(self) -> None:
        """Follow the doorbell for ever."""
        after = b"$"
        await self._renew()
        while True:
            try:
                streams = ("STREAMS", self._key, after)
                news = await self._doorbell.read_blocking(_BLOCK_MS, ("XREAD",), streams)
            except BusUnavailable:
                await self._doorbell.wait_connected()
                continue
            for _, entries in news:
                after = entries[-1][0]
                await self._answer(entries)
            # What rings within a moment is looked up together.
            await asyncio.sleep(_MOMENT)

    async def sweep(self) -> None:
        """Look into every session's streams each `SWEEP_EVERY` seconds, for ever."""
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            await self._renew()
            await self._look(dict.fromkeys(self._sessions))

    async def _answer(self, rings: list[wire.RawEntry]) -> None:
        rung: dict[str, dict[Leg, set[str]] | None] = {}
        for _, fields in rings:
            for name, kind in zip(fields[::2], fields[1::2], strict=True):
                if not name:
                    continue
                leg = Leg.parse(name.decode())
                legs = rung.setdefault(leg.session, {})
                if legs is not None:
                    legs.setdefault(leg, set()).add(kind.decode())
        found = await self._look(rung)
        self._metrics.doorbells.labels("work" if found else "idle").inc()

    async def _look(self, rung: Mapping[str, Mapping[Leg, set[str]] | None]) -> bool:
        # Two looks at once would read after the same cursors and deliver the same news twice.
        async with self._looking:
            return await self._look_alone(rung)

    async def _look_alone(self, rung: Mapping[str, Mapping[Leg, set[str]] | None]) -> bool:
        found = False
        while rung:
            owners: dict[bytes, str] = {}
            cursors: dict[int, dict[bytes, bytes]] = {}
            for session, kinds in rung.items():
                listener = self._sessions.get(session)
                for cursor in listener.cursors(kinds) if listener else ():
                    owners[cursor.key] = session
                    cursors.setdefault(cursor.partition, {})[cursor.key] = cursor.after
            news = await read_streams(self._link, cursors)
            by_session: dict[str, dict[bytes, list[wire.RawEntry]]] = {}
            for key, entries in news:
                by_session.setdefault(owners[key], {})[key] = entries
            for session, streams in by_session.items():
                if listener := self._sessions.get(session):
                    listener.deliver(streams)
            found = found or bool(news)
            full = {owners[key] for key, entries in news if len(entries) >= MOST_ENTRIES}
            rung = {session: kinds for session, kinds in rung.items() if session in full}
        return found

    async def _renew(self) -> None:
        """Keep the doorbell in existence: workers ring only one that is there."""
        await self._link.insist(
            [
                ("XADD", self._key, "MAXLEN", "~", 4096, "*", "", ""),
                ("EXPIRE", self._key, keys.SESSION_TTL),
            ]
        )
