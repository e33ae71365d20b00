"""All receivers of a run: what gateways are told of them, and what is wrong with what they have."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path

import redis.asyncio as aioredis

from common.bus import keys
from tests.chaos.caller import Course
from tests.chaos.plan import RECEIVERS
from tests.chaos.sinks.folder import Folder
from tests.chaos.sinks.hook import Hook
from tests.chaos.sinks.kept import Kept, compare
from tests.chaos.sinks.receiver import Receiver
from tests.integration.gateway.sinks import broker, database, kafka_broker

ARCHIVE = Folder.name
_POLL = 0.2


class Receivers:
    """Those with these names, or fewer."""

    def __init__(self, receivers: Sequence[Receiver]) -> None:
        self.by_name = {each.name: each for each in receivers}
        self.kept: dict[str, list[Kept]] = {}
        """What each had when it was looked at first."""

    def __iter__(self) -> Iterator[Receiver]:
        return iter(self.by_name.values())

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of a gateway that writes to all of them."""
        parts = [pair for each in self for pair in each.flags.items()]
        sinks = ",".join(value for name, value in parts if name == "sinks")
        others = [(f"--{name}", value) for name, value in parts if name != "sinks"]
        return tuple(part for pair in [("--sinks", sinks), *others] for part in pair)

    async def die(self) -> None:
        """Let all of them take nothing until they are started."""
        await asyncio.gather(*(each.die() for each in self))

    async def start(self) -> None:
        """Let all take what they lack."""
        await asyncio.gather(*(each.start() for each in self))

    async def problems(
        self,
        admin: aioredis.Redis,
        courses: Sequence[Course],
        erased: Collection[str],
        patience: float,
    ) -> list[str]:
        """Wait until no sink lacks anything, for `patience` seconds; return what is wrong then.

        `erased`: sessions of which no sink may have anything.
        """
        end = time.monotonic() + patience
        found = []
        for each in self:
            lacking = await _lacking(admin, each.name, end)
            found += [f"{each.name} lacks {lacking} calls"] if lacking else []
        there = [course for course in courses if course.session not in erased]
        for each in self:
            calls = await each.kept()
            self.kept.setdefault(each.name, calls)
            wrong = [problem for call in calls for problem in call.problems]
            wrong += compare(there, [call for call in calls if call.session not in erased])
            if each.removes:
                gone = [call for call in calls if call.session in erased and not call.erased]
                wrong += [f"{call.session} is erased and there" for call in gone]
            else:
                told = {call.session for call in calls if call.erased}
                wrong += [f"{session} is not told as erased" for session in {*erased} - told]
            found += [f"{each.name}: {problem}" for problem in wrong]
        return found


async def _lacking(admin: aioredis.Redis, name: str, end: float) -> int:
    while (lacking := int(await admin.zcard(keys.due(name)))) and time.monotonic() < end:
        await asyncio.sleep(_POLL)
    return lacking


def missing() -> list[str]:
    """Return the names of the receivers that this machine has not."""
    there = {
        "postgres": database.programs() and find_spec("asyncpg"),
        "amqp": broker.installed() and find_spec("aio_pika"),
        "s3": find_spec("obstore") and _seaweed(),
        "kafka": find_spec("confluent_kafka") and find_spec("obstore") and _seaweed(),
    }
    there["kafka"] = there["kafka"] and kafka_broker.program()
    return [name for name, found in there.items() if not found]


def _seaweed() -> Path | None:
    from tests.integration.gateway.sinks import buckets  # obstore is an extra

    return buckets.program()


@asynccontextmanager
async def receiving(names: Collection[str], seed: int) -> AsyncIterator[Receivers]:
    """Run the receivers with these names."""
    made = [*_made(names, seed)]
    async with AsyncExitStack() as open_:
        for each in made:
            await each.open(open_.enter_context(_folder()))
            open_.push_async_callback(each.close)
        yield Receivers(made)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="callscribe-sink-") as folder:
        yield Path(folder)


def _made(names: Collection[str], seed: int) -> Iterator[Receiver]:
    if ARCHIVE in names:
        yield Folder()
    if Hook.name in names:
        yield Hook()
    if others := {*names} - {ARCHIVE, Hook.name}:
        from tests.chaos.sinks.servers import SERVERS  # their libraries are extras

        for name in RECEIVERS:
            if name in others:
                yield SERVERS[name](seed)
