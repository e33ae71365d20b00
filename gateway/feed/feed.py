"""Results out of Redis: the doorbell says where to look, the legs' streams say what is there.

A doorbell may be lost or cut off. The sweep looks everywhere once a second, so a lost doorbell
costs latency and nothing else. The workers of a call always ring its first gateway: a gateway that
has resumed the call, or tells others of it, listens there as well.

A call's streams are read once for all who follow it, each from its own place on. The feed keeps
nothing: a listener that has enough asks for nothing, and is read on for when it looks again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Set
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
    """Who follows a session, as the feed sees it: the call itself, a reader, a webhook."""

    def cursors(self, kinds: Mapping[Leg, set[str]] | None) -> Iterable[Cursor]:
        """Return what to read, for the kinds of streams rung per leg; None: for everything.

        Nothing is returned by one that has enough for now.
        """

    def deliver(self, news: Mapping[bytes, list[wire.RawEntry]]) -> None:
        """Take new entries by stream key; all of one session come in one call."""

    def doubt(self) -> None:
        """Learn that the session may have another owner by now, or a leg that was given up."""

    def fail(self, error: Exception) -> None:
        """End this session because of a bug of ours."""


class Feed:
    """The one reader of this gateway's doorbell, and of the results that anything here follows."""

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
        """The calls of this gateway."""
        self._followed: dict[str, list[Listener]] = {}
        """Who else follows a session, whichever gateway has its call."""
        self._doorbells: Counter[str] = Counter()
        self._followers: dict[str, asyncio.Task[None]] = {}
        self._broken: asyncio.Future[None] = asyncio.Future()
        self._looking = asyncio.Lock()
        self._asked_for: dict[str, None] = {}
        """Sessions that `look_for` has yet to look for."""
        self._heard: dict[str, bytes] = {}
        """The last entries of doorbells that were heard since the last sweep."""

    def add(self, session: str, listener: Listener, doorbell: str) -> None:
        """Deliver this session's results from now on; `doorbell`: where its workers ring."""
        self._sessions[session] = listener
        self._listen(doorbell)

    def follow(self, session: str, listener: Listener, doorbell: str) -> None:
        """Deliver a session's results to one more, beside all others that follow it."""
        self._followed.setdefault(session, []).append(listener)
        self._listen(doorbell)

    def _listen(self, doorbell: str) -> None:
        if doorbell != self._own:
            self._doorbells[doorbell] += 1
            if doorbell not in self._followers:
                following = asyncio.create_task(self._follow(doorbell), name=f"out:{doorbell}")
                following.add_done_callback(self._ended)
                self._followers[doorbell] = following

    def remove(self, session: str, listener: Listener, doorbell: str) -> None:
        """Stop delivering to a session, unless another listener has taken its place."""
        if self._sessions.get(session) is listener:
            del self._sessions[session]
        self._listen_no_more(doorbell)

    def leave(self, session: str, listener: Listener, doorbell: str) -> None:
        """Deliver nothing more to one that follows a session."""
        followers = self._followed[session]
        followers.remove(listener)
        if not followers:
            del self._followed[session]
        self._listen_no_more(doorbell)

    def _listen_no_more(self, doorbell: str) -> None:
        if doorbell != self._own:
            self._doorbells[doorbell] -= 1
            if not self._doorbells[doorbell]:
                del self._doorbells[doorbell]
                self._followers.pop(doorbell).cancel()

    async def look_for(self, session: str) -> None:
        """Look into this session's streams now; who asks meanwhile shares the next look."""
        # A gateway that takes over many webhooks must not hold up its callers with a look for each.
        self._asked_for[session] = None
        async with self._looking:
            if session not in self._asked_for:
                return
            sessions, self._asked_for = self._asked_for, {}
            try:
                await self._look_alone(sessions)
            except BaseException:
                self._asked_for |= sessions
                raise

    async def run(self) -> None:
        """Follow the doorbell for ever."""
        own = asyncio.create_task(self._follow(self._own), name="out")
        try:
            await asyncio.wait({own, self._broken}, return_when=asyncio.FIRST_COMPLETED)
            (own if own.done() else self._broken).result()
        finally:
            for follower in (own, *self._followers.values()):
                follower.cancel()

    def _ended(self, follower: "asyncio.Task[None]") -> None:
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
            await self._look(dict.fromkeys((*self._sessions, *self._followed)))

    async def _answer(self, entries: list[wire.RawEntry]) -> None:
        notified: dict[str, dict[Leg, set[str]] | None] = {}
        for _, fields in entries:
            for name, kind in pairs(fields):
                if not name:
                    continue
                leg = Leg.parse(name.decode())
                if kind == doorbells.CALL:
                    for listener in self._listeners(leg.session):
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
            looks: list[tuple[str, Listener, dict[bytes, bytes]]] = []
            cursors: dict[int, dict[bytes, bytes]] = {}
            whole: dict[int, dict[bytes, bytes]] = {}
            limited: dict[bytes, str] = {}
            apart: set[bytes] = set()
            """Streams in which not all are at the same place."""
            for session, kinds in notified.items():
                for listener in self._listeners(session):
                    places: dict[bytes, bytes] = {}
                    for cursor in listener.cursors(kinds):
                        places[cursor.key] = cursor.after
                        group = self._link.neighbours(cursor.partition)
                        streams = (whole if cursor.whole else cursors).setdefault(group, {})
                        known = streams.setdefault(cursor.key, cursor.after)
                        if known != cursor.after:
                            apart.add(cursor.key)
                            streams[cursor.key] = min(known, cursor.after, key=wire.id_halves)
                        if not cursor.whole:
                            limited[cursor.key] = session
                    if places:
                        looks.append((session, listener, places))
            news = dict(await read_streams(self._link, cursors, whole=whole))
            for session, listener, places in looks:
                fresh = _behind(news, places, apart)
                # It may have been replaced while its streams were read.
                if fresh and listener in self._listeners(session):
                    self._deliver(listener, fresh)
            found = found or bool(news)
            full = {
                limited[key]
                for key, entries in news.items()
                if len(entries) >= MOST_ENTRIES and key in limited
            }
            notified = {session: kinds for session, kinds in notified.items() if session in full}
        return found

    def _listeners(self, session: str) -> list[Listener]:
        """Return all that follow a session, the call of this gateway first."""
        own = self._sessions.get(session)
        others = self._followed.get(session, ())
        return [*others] if own is None else [own, *others]

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


def _behind(
    news: Mapping[bytes, list[wire.RawEntry]], places: Mapping[bytes, bytes], apart: Set[bytes]
) -> dict[bytes, list[wire.RawEntry]]:
    """Return what is new to one that is at these places; in `apart` others are further behind."""
    found: dict[bytes, list[wire.RawEntry]] = {}
    for key, place in places.items():
        if entries := news.get(key):
            if key in apart:
                at = wire.id_halves(place)
                entries = [each for each in entries if wire.id_halves(each[0]) > at]
            if entries:
                found[key] = entries
    return found
