"""Results out of Redis: the doorbell says where to look, the legs' streams say what is there.

A doorbell may be lost or cut off. The sweep looks everywhere once a second, so a lost doorbell
costs latency and nothing else. The workers of a call always ring its first gateway: a gateway that
has resumed the call listens there as well.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

from common.bus import doorbells, keys, wire
from common.bus.keys import Leg
from common.bus.reading import MOST_ENTRIES, Cursor, read_streams
from common.errors import BusUnavailable
from common.redis.link import Link
from common.redis.replies import pairs
from common.telemetry.metrics import BusMetrics

SWEEP_EVERY = 1.0
_MOMENT = 0.004


class Listener(Protocol):
    """A session as the downlink sees it."""

    def cursors(self, kinds: Mapping[Leg, set[str]] | None) -> Iterable[Cursor]:
        """Return what to read, for the kinds of streams rung per leg; None: for everything."""

    def deliver(self, news: Mapping[bytes, list[wire.RawEntry]]) -> None:
        """Take new entries by stream key; all of one session come in one call."""

    def doubt(self) -> None:
        """Learn that the session may have another owner by now, or a leg that was given up."""

    def fail(self, error: Exception) -> None:
        """End this session because of a bug of ours."""


class Downlink:
    """The one reader of this gateway's doorbell and of its sessions' results."""

    def __init__(
        self,
        link: Link,
        gateway: str,
        metrics: BusMetrics,
        dial: Callable[[str], Awaitable[Link]],
    ) -> None:
        self._link = link
        self._own = gateway
        self._metrics = metrics
        self._dial = dial
        self._sessions: dict[str, Listener] = {}
        self._doorbells: Counter[str] = Counter()
        self._followers: dict[str, asyncio.Task[None]] = {}
        self._broken: asyncio.Future[None] = asyncio.Future()
        self._looking = asyncio.Lock()
        self._heard: dict[str, bytes] = {}
        """The last entries of doorbells that were heard since the last sweep."""

    def add(self, session: str, listener: Listener, doorbell: str) -> None:
        """Deliver this session's results from now on; `doorbell`: where its workers ring."""
        self._sessions[session] = listener
        if doorbell != self._own:
            self._doorbells[doorbell] += 1
            if doorbell not in self._followers:
                following = asyncio.create_task(self._follow(doorbell), name=f"out:{doorbell}")
                following.add_done_callback(self._followed)
                self._followers[doorbell] = following

    def remove(self, session: str, listener: Listener, doorbell: str) -> None:
        """Stop delivering to a session, unless another listener has taken its place."""
        if self._sessions.get(session) is listener:
            del self._sessions[session]
        if doorbell != self._own:
            self._doorbells[doorbell] -= 1
            if not self._doorbells[doorbell]:
                del self._doorbells[doorbell]
                self._followers.pop(doorbell).cancel()

    async def look_for(self, session: str) -> None:
        """Look into this session's streams now."""
        await self._look({session: None})

    async def run(self) -> None:
        """Follow the doorbell for ever."""
        own = asyncio.create_task(self._follow(self._own), name="out")
        try:
            await asyncio.wait({own, self._broken}, return_when=asyncio.FIRST_COMPLETED)
            (own if own.done() else self._broken).result()
        finally:
            for follower in (own, *self._followers.values()):
                follower.cancel()

    def _followed(self, follower: "asyncio.Task[None]") -> None:
        """Let a failed follower end `run`, and so the process."""
        failed = not follower.cancelled() and follower.exception()
        if failed and not self._broken.done():
            self._broken.set_exception(failed)

    async def _follow(self, gateway: str) -> None:
        await self._renew([gateway])
        link = await self._dialled(f"doorbell:{gateway}")
        try:
            async for entries in doorbells.heard(link, [keys.out(gateway)]):
                await self._answer(entries)
                self._heard[gateway] = entries[-1][0]
                # Doorbells that ring within a moment are looked up together.
                await asyncio.sleep(_MOMENT)
        finally:
            await link.close()

    async def _dialled(self, role: str) -> Link:
        while True:
            try:
                return await self._dial(role)
            except BusUnavailable:
                await self._link.wait_connected()
                await asyncio.sleep(_MOMENT)

    async def sweep(self) -> None:
        """Look into every session's streams each `SWEEP_EVERY` seconds, for ever."""
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            await self._renew([self._own, *self._doorbells])
            await self._tidy()
            await self._look(dict.fromkeys(self._sessions))

    async def _answer(self, entries: list[wire.RawEntry]) -> None:
        notified: dict[str, dict[Leg, set[str]] | None] = {}
        for _, fields in entries:
            for name, kind in pairs(fields):
                if not name:
                    continue
                leg = Leg.parse(name.decode())
                if kind == doorbells.CALL:
                    if listener := self._sessions.get(leg.session):
                        listener.doubt()
                    continue
                legs = notified.setdefault(leg.session, {})
                if legs is not None:
                    legs.setdefault(leg, set()).add(kind.decode())
        found = await self._look(notified)
        self._metrics.doorbells.labels("work" if found else "idle").inc()

    async def _look(self, notified: Mapping[str, Mapping[Leg, set[str]] | None]) -> bool:
        # Two concurrent looks would read after the same cursors and deliver the same entries twice.
        async with self._looking:
            return await self._look_alone(notified)

    async def _look_alone(self, notified: Mapping[str, Mapping[Leg, set[str]] | None]) -> bool:
        found = False
        while notified:
            readers: dict[bytes, tuple[str, Listener]] = {}
            cursors: dict[int, dict[bytes, bytes]] = {}
            whole: dict[int, dict[bytes, bytes]] = {}
            for session, kinds in notified.items():
                listener = self._sessions.get(session)
                if listener is None:
                    continue
                for cursor in listener.cursors(kinds):
                    readers[cursor.key] = (session, listener)
                    group = self._link.neighbours(cursor.partition)
                    reads = whole if cursor.whole else cursors
                    reads.setdefault(group, {})[cursor.key] = cursor.after
            news = await read_streams(self._link, cursors, whole=whole)
            by_reader: dict[tuple[str, Listener], dict[bytes, list[wire.RawEntry]]] = {}
            for key, entries in news:
                by_reader.setdefault(readers[key], {})[key] = entries
            for (session, listener), streams in by_reader.items():
                # It may have been replaced while its streams were read.
                if self._sessions.get(session) is listener:
                    self._deliver(listener, streams)
            found = found or bool(news)
            full = {
                readers[key][0]
                for key, entries in news
                if len(entries) >= MOST_ENTRIES and not any(key in each for each in whole.values())
            }
            notified = {session: kinds for session, kinds in notified.items() if session in full}
        return found

    @staticmethod
    def _deliver(listener: Listener, streams: Mapping[bytes, list[wire.RawEntry]]) -> None:
        try:
            listener.deliver(streams)
        except Exception as error:
            # An entry that one call cannot read must not end the others, here or at the next
            # gateway.
            listener.fail(error)

    async def _renew(self, gateways: Iterable[str]) -> None:
        """Keep doorbells alive: workers ring only those that exist."""
        streams = map(keys.out, gateways)
        await self._link.insist([command for key in streams for command in doorbells.keep(key)])

    async def _tidy(self) -> None:
        """Remove what was heard: it names calls, which may be erased by now."""
        heard, self._heard = self._heard, {}
        await self._link.insist(
            [doorbells.clear_heard(keys.out(gateway), last) for gateway, last in heard.items()]
        )
