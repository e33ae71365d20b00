"""A feed's surroundings: a Redis with doorbells that a test notifies, and its listeners."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from common.bus import keys, wire
from common.bus.keys import Leg
from common.bus.reading import Cursor
from common.errors import BusUnavailable, Misuse
from common.redis.link import Command, Link
from common.telemetry.metrics import BusMetrics, new_registry
from gateway.feed.feed import Feed

OWN, OTHER = "own", "other"


class Redis:
    """Stands in for every link: streams, and doorbells that are answered as they are notified."""

    def __init__(self) -> None:
        self.streams: dict[bytes, list[wire.RawEntry]] = defaultdict(list)
        self.commands: list[Command] = []
        self.reads: list[Command] = []
        self.notified = asyncio.Event()
        self.reading: list[bytes] = []
        """The doorbells that are followed now."""
        self.roles: list[str] = []
        self.away = False
        self.lost = False
        self.broken: bytes | None = None
        """The doorbell that cannot be read."""
        self.gate = asyncio.Event()
        self.gate.set()
        self._count = 0

    def neighbours(self, partition: int) -> int:
        return 0

    def notify(self, gateway: str, *hints: bytes) -> None:
        """Notify a gateway's doorbell: pairs of a leg's name and a kind."""
        self.write(keys.out(gateway), *hints)
        self.notified.set()

    def write(self, key: bytes, *fields: bytes) -> None:
        self._count += 1
        self.streams[key].append((wire.entry_id(self._count, 1), list(fields)))

    def after(self, key: bytes, cursor: bytes, most: int = 1000) -> list[wire.RawEntry]:
        if cursor == b"$":
            return []
        start = wire.id_halves(cursor)
        return [each for each in self.streams[key] if wire.id_halves(each[0]) > start][:most]

    async def insist(self, commands: Sequence[Any]) -> list[Any]:
        found: list[Any] = []
        for command in commands:
            if command[0] != b"XREAD":
                self.commands.append(command)
                found.append(1)
                continue
            self.reads.append(command)
            names = command[command.index(b"STREAMS") + 1 :]
            half = len(names) // 2
            most = command[command.index(b"COUNT") + 1] if b"COUNT" in command else 1000
            read = [
                (key, entries)
                for key, cursor in zip(names[:half], names[half:], strict=True)
                if (entries := self.after(key, cursor, most))
            ]
            found.append(read or None)
        # Anything may happen while the read entries are on their way.
        await self.gate.wait()
        return found

    async def wait_connected(self) -> None:
        await asyncio.sleep(0)

    @asynccontextmanager
    async def followed(self, key: bytes) -> AsyncIterator[None]:
        self.reading.append(key)
        try:
            yield
        finally:
            self.reading.remove(key)


class Follower:
    """The link of one doorbell."""

    generation = 0

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._last: bytes | None = None

    async def read_blocking(self, _: int, before: Command, after: Command) -> list[Any]:
        assert before == ("XREAD",)
        key, cursor = cast(tuple[bytes, bytes], after[1:])
        if self._redis.broken == key:
            raise Misuse("no stream")
        if self._redis.lost:
            self._redis.lost = False
            raise BusUnavailable("gone")
        async with self._redis.followed(key):
            if cursor == b"$":
                entries = self._redis.streams[key]
                cursor = entries[-1][0] if entries and self._last is None else b"0-0"
                self._last = cursor
            while not (news := self._redis.after(key, cursor)):
                self._redis.notified.clear()
                await self._redis.notified.wait()
        return [(key, news)]

    async def wait_connected(self) -> None:
        await asyncio.sleep(0)

    async def close(self) -> None:
        self._redis.roles.append("closed")


class Session:
    """A session that follows its text, and records what it is told."""

    def __init__(self, name: str, *, whole: bool = False) -> None:
        self.leg = Leg(name, 0)
        self.rounds = 0
        """How often it was told anything."""
        self._whole = whole
        self.asked: list[Mapping[Leg, set[str]] | None] = []
        self.told: list[wire.RawEntry] = []
        self.doubts = 0
        self.failures: list[Exception] = []
        self.unreadable: Exception | None = None
        self.full = False
        self._after = b"0-0"

    def cursors(self, kinds: Mapping[Leg, set[str]] | None) -> Iterable[Cursor]:
        self.asked.append(kinds)
        if self.full:
            return []
        return [Cursor(self.leg.partition, self.leg.key("text"), self._after, self._whole)]

    def deliver(self, news: Mapping[bytes, list[wire.RawEntry]]) -> None:
        if self.unreadable is not None:
            raise self.unreadable
        ((key, entries),) = news.items()
        assert key == self.leg.key("text")
        self.told += entries
        self.rounds += 1
        self._after = entries[-1][0]

    def doubt(self) -> None:
        self.doubts += 1

    def fail(self, error: Exception) -> None:
        self.failures.append(error)


class House:
    """A feed with its doorbell and nothing else running."""

    def __init__(self) -> None:
        self.redis = Redis()
        metrics = BusMetrics.build(new_registry(version="0", service="gateway"))
        self.metrics = metrics
        self.feed = Feed(cast(Link, self.redis), OWN, metrics, self._dial)

    async def _dial(self, role: str) -> Link:
        if self.redis.away:
            raise BusUnavailable("not connected")
        self.redis.roles.append(role)
        return cast(Link, Follower(self.redis))

    def answered(self, outcome: str) -> float:
        return cast(float, self.metrics.doorbells.labels(outcome)._value.get())


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def text(house: House, session: Session, what: bytes = b"x") -> None:
    house.redis.write(session.leg.key("text"), b"p", what)
