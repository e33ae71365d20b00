"""What commands cost the client: our link beside redis-py, on what the hot paths send.

Both speak to one Redis on one event loop, in turns, and do the same to streams of their own:

| operation | what is sent |
|---|---|
| append | one pipeline a tick, an XADD of 32 ms of audio for every leg |
| read | one XREAD over all legs, with one new entry of each |
| offer | one pipeline of scripts that offer work items, and a script that closes them |
| ask | one command, and the next once it is answered |

redis-py is used as it is installed, with hiredis, by its plainest calls. CPU is this process's own
time, wall time has Redis's in it.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time
from typing import Any, Protocol

from redis.asyncio import Redis

from callscribe.local.embedded_redis import EmbeddedRedis
from common.audio import BYTES_PER_SAMPLE
from common.bus import commands, keys, scripts, wire
from common.bus.audio_writer import AudioWriter
from common.bus.keys import Leg
from common.bus.offers import offer_packed
from common.bus.reading import MOST_ENTRIES, read_streams
from common.pipeline.streams import AUDIO
from common.redis.address import Address
from common.redis.link import Link, ScriptCall

_SAMPLES = 512
_PCM = bytes(_SAMPLES * BYTES_PER_SAMPLE)
_OFFERS = 10
"""Work items offered in one tick."""
_TICKS = 10
"""Ticks of a round."""
_ROUNDS = 7
_STAGE = "bench"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One operation through both clients: µs for each command, stream or work item."""

    operation: str
    sessions: int
    cpu: tuple[float, float]
    """Ours, redis-py's."""
    wall: tuple[float, float]
    ratio: float
    """redis-py's CPU in units of ours: the median over rounds."""


@dataclass
class Spent:
    """What work took so far, and how much of it was done."""

    cpu: float = 0.0
    wall: float = 0.0
    items: int = 0

    @property
    def cpu_us(self) -> float:
        """CPU in µs for each item."""
        return 1e6 * self.cpu / self.items

    @property
    def wall_us(self) -> float:
        """Wall time in µs for each item."""
        return 1e6 * self.wall / self.items

    async def on(self, work: Awaitable[int], items: int) -> None:
        """Do some; AssertionError when it is not as much as expected."""
        wall, cpu = perf_counter(), process_time()
        done = await work
        self.cpu += process_time() - cpu
        self.wall += perf_counter() - wall
        self.items += done
        assert done == items, f"{items} were expected, {done} done"


class Client(Protocol):
    """What both can do; each returns how much of it Redis has confirmed."""

    async def append(self, tick: int) -> int:
        """Append the audio of a tick to every leg."""

    async def read(self, tick: int) -> int:
        """Read from every leg what came after a tick."""

    async def offer(self, tick: int) -> int:
        """Offer work items, and close them."""

    async def ask(self) -> int:
        """Run one command."""


class Ours:
    """The gateway's and the workers' way to Redis."""

    def __init__(self, link: Link, legs: Sequence[Leg]) -> None:
        self._link = link
        self._writers = [AudioWriter(leg, "bench") for leg in legs]

    async def append(self, tick: int) -> int:
        """See `Client.append`."""
        end, begin = tick * _SAMPLES, tick == 1
        parts = [(each.key, each.audio(end, _PCM, begin=begin), 1) for each in self._writers]
        replies, _ = await self._link.insist_parts(parts)
        return replies.count(_at(tick))

    async def read(self, tick: int) -> int:
        """See `Client.read`."""
        after = _at(tick)
        found = await read_streams(self._link, {0: {each.key: after for each in self._writers}})
        return len(found)

    async def offer(self, tick: int) -> int:
        """See `Client.offer`."""
        entries = await self._link.evaluate(_offers(tick))
        return _OFFERS * (await self._link.evaluate([_closed(tick, entries)])).count(1)

    async def ask(self) -> int:
        """See `Client.ask`."""
        return len(await self._link.call(*commands.first(self._writers[0].key)))


class RedisPy:
    """The same commands by redis-py."""

    def __init__(self, client: Redis, legs: Sequence[Leg]) -> None:
        self._client: Any = client
        self._keys = [leg.key(AUDIO) for leg in legs]

    async def append(self, tick: int) -> int:
        """See `Client.append`."""
        pipeline = self._client.pipeline(transaction=False)
        at = _at(tick)
        for key in self._keys:
            pipeline.execute_command(*commands.append(key, at, wire.AUDIO_FIELD, _PCM))
        replies: list[bytes] = await pipeline.execute()
        return replies.count(at)

    async def read(self, tick: int) -> int:
        """See `Client.read`."""
        after = _at(tick)
        found = await self._client.xread(dict.fromkeys(self._keys, after), count=MOST_ENTRIES)
        return len(found)

    async def offer(self, tick: int) -> int:
        """See `Client.offer`."""
        entries = await self._evaluate(_offers(tick))
        return _OFFERS * (await self._evaluate([_closed(tick, entries)])).count(1)

    async def ask(self) -> int:
        """See `Client.ask`."""
        return len(await self._client.execute_command(*commands.first(self._keys[0])))

    async def teach(self) -> None:
        """Let Redis know the scripts, as our link does by itself."""
        for script in (scripts.OFFER, scripts.RELEASE):
            await self._client.script_load(script.source)

    async def _evaluate(self, calls: Sequence[ScriptCall]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for script, names, arguments in calls:
            pipeline.evalsha(script.digest, len(names), *names, *arguments)
        replies: list[Any] = await pipeline.execute()
        return replies


def _at(tick: int) -> bytes:
    return b"%d-%d" % (tick * _SAMPLES, wire.AUDIO_ORDER)


def _offers(tick: int) -> list[ScriptCall]:
    return [offer_packed(_STAGE, f"{tick}/{n}", _PCM[:64]) for n in range(_OFFERS)]


def _closed(tick: int, entries: Sequence[bytes]) -> ScriptCall:
    each = [part for n, entry in enumerate(entries) for part in (entry, f"{tick}/{n}")]
    return scripts.RELEASE, (keys.work_items(_STAGE), keys.index(_STAGE)), (_STAGE, *each)


async def measure(sessions: int, rounds: int = _ROUNDS) -> list[Comparison]:
    """Compare both clients on the legs of `sessions` calls, on a Redis of their own.

    AssertionError when one of them did less than the other.
    """
    with EmbeddedRedis() as server:
        link = Link(Address.parse(server.url), "bench")
        await link.connect()
        client = Redis.from_url(server.url)
        try:
            theirs = RedisPy(client, _legs("theirs", sessions))
            await theirs.teach()
            return await _compare(Ours(link, _legs("ours", sessions)), theirs, sessions, rounds)
        finally:
            await client.aclose()
            await link.close()


def _legs(name: str, sessions: int) -> list[Leg]:
    return [Leg(f"{name}-{number}", 0) for number in range(sessions)]


async def _compare(ours: Client, theirs: Client, sessions: int, rounds: int) -> list[Comparison]:
    items = {"append": sessions, "read": sessions, "offer": _OFFERS, "ask": 1}
    spent: dict[str, list[tuple[Spent, Spent]]] = {name: [] for name in items}
    for turn in range(rounds + 1):  # the first warms up
        took = {name: (Spent(), Spent()) for name in items}
        for tick in range(1 + turn * _TICKS, 1 + (turn + 1) * _TICKS):
            for place, client in enumerate((ours, theirs)):
                works = (
                    client.append(tick),
                    client.read(tick - 1),
                    client.offer(tick),
                    client.ask(),
                )
                for name, work in zip(items, works, strict=True):
                    await took[name][place].on(work, items[name])
        if turn:
            for name, both in took.items():
                spent[name].append(both)
    return [compared(name, sessions, rows) for name, rows in spent.items()]


def compared(operation: str, sessions: int, rounds: Sequence[tuple[Spent, Spent]]) -> Comparison:
    """Return what rounds of ours and redis-py's come to: medians."""
    ours, theirs = zip(*rounds, strict=True)
    return Comparison(
        operation=operation,
        sessions=sessions,
        cpu=(median(each.cpu_us for each in ours), median(each.cpu_us for each in theirs)),
        wall=(median(each.wall_us for each in ours), median(each.wall_us for each in theirs)),
        ratio=median(their.cpu_us / our.cpu_us for our, their in rounds),
    )


_HEADER = (
    f"{'calls':>8} | {'operation':<9} | {'CPU us: ours':>12} {'redis-py':>9} {'ratio':>6} |"
    f" {'wall us: ours':>13} {'redis-py':>9}"
)


def show(rows: Sequence[Comparison], *, header: bool) -> str:
    """Return the comparisons as lines."""
    lines = [
        f"{row.sessions:>8} | {row.operation:<9} | {row.cpu[0]:>12.1f} {row.cpu[1]:>9.1f}"
        f" {row.ratio:>6.1f} | {row.wall[0]:>13.1f} {row.wall[1]:>9.1f}"
        for row in rows
    ]
    return "\n".join([_HEADER, *lines] if header else lines)
