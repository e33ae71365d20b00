"""Carries out a plan of faults on the running system."""

import asyncio
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType

from redis.exceptions import RedisError

from tests.chaos.plan import PROCESSES, Fault
from tests.chaos.residue import taken_over
from tests.chaos.rig import Rig
from tests.chaos.sinks.receiver import Receiver
from tests.chaos.stack import Process

_USABLE_S = 3.0
"""Seconds between two outages of Redis. Calls that are not read meanwhile are read again then: many
clients hang up when a ping has no answer for 20 s."""


@dataclass(slots=True)
class Happened:
    """A fault as it came to pass; times of the monotonic clock."""

    fault: Fault
    what: str
    began: float
    over: float = 0.0
    """When the driver had put everything back in its place."""
    takeover: float | None = None
    """Seconds until nothing was owned any more by the process that was killed."""

    def __str__(self) -> str:
        lasted = f"{self.over - self.began:.2f} s" if self.over else "not over"
        return f"#{self.fault.number} {self.fault.kind}: {self.what}, {lasted}"


class Driver:
    """Hurts the parts of one system, and the receivers of its sinks."""

    def __init__(self, rig: Rig, receivers: Mapping[str, Receiver] = MappingProxyType({})) -> None:
        self._stack = rig.stack
        self._redis = rig.redis
        self._networks = {"bus": rig.bus, "callers": rig.callers}
        self._receivers = receivers
        self.history: list[Happened] = []
        self._looking: set[asyncio.Task[None]] = set()
        self._ways: dict[str, Callable[[Fault], Awaitable[None]]] = {
            "redis.kill": self._kill_redis,
            "redis.pause": self._pause_redis,
            "redis.full": self._fill_redis,
            "redis.hang_up": self._hang_up,
            "nothing.at_all": self._nothing,
        }

    async def run(self, faults: Sequence[Fault], note: Callable[[Happened], None]) -> None:
        """Carry out all faults, each at its moment; returns when the last one is over."""
        start = time.monotonic()
        async with asyncio.TaskGroup() as striking:
            for fault in faults:
                await asyncio.sleep(max(0.0, start + fault.at - time.monotonic()))
                striking.create_task(self._strike(fault, note))
        await asyncio.gather(*self._looking)

    async def _strike(self, fault: Fault, note: Callable[[Happened], None]) -> None:
        if fault.target in PROCESSES:
            await self._hurt_process(fault)
        elif fault.target in self._networks:
            await self._hurt_network(fault)
        elif fault.target in self._receivers:
            await self._hurt_receiver(fault)
        else:
            await self._ways[fault.kind](fault)
        note(next(each for each in reversed(self.history) if each.fault is fault))

    def _began(self, fault: Fault, what: str) -> Happened:
        happened = Happened(fault, what, time.monotonic())
        self.history.append(happened)
        return happened

    # --- processes ---

    async def _hurt_process(self, fault: Fault) -> None:
        process = await self._choose(fault)
        async with process.struck:
            happened = self._began(fault, f"{process.name} pid {process.pid}")
            match fault.how:
                case "kill":
                    await self._kill(process, fault, happened)
                case "end":
                    if await process.end() is None:
                        self._stack.problems.append(f"{process.name} did not end: {happened}")
                    await asyncio.sleep(fault.lasts)
                    process.start()
                case "pause":
                    process.signal(signal.SIGSTOP)
                    await asyncio.sleep(fault.lasts)
                    process.signal(signal.SIGCONT)
            happened.over = time.monotonic()

    async def _kill(self, process: Process, fault: Fault, happened: Happened) -> None:
        pid = process.pid
        await process.kill()
        looking = asyncio.create_task(self._look_for_heirs(process.kind, pid, happened))
        self._looking.add(looking)
        looking.add_done_callback(self._looking.discard)
        await asyncio.sleep(fault.lasts)
        process.start()

    async def _look_for_heirs(self, kind: str, pid: int | None, happened: Happened) -> None:
        happened.takeover = await taken_over(self._redis.admin, kind, pid)

    async def _choose(self, fault: Fault) -> Process:
        """Return a process of the kind, but not the only one that is of use now."""
        group = self._stack.of(fault.target)
        ready = [process for process in group if await process.ready()]
        chosen = group if len(ready) != 1 else [each for each in group if each not in ready]
        return (chosen or group)[int(fault.pick * len(chosen or group))]

    # --- networks ---

    async def _hurt_network(self, fault: Fault) -> None:
        proxy = self._networks[fault.target]
        # Every connection as often as any smaller part of them.
        part = min(1.0, 2 * fault.pick)
        happened = self._began(fault, f"{proxy.connections} connections")
        match fault.how:
            case "cut":
                happened.what = f"{proxy.cut(part)} of {happened.what}"
            case "half_close":
                happened.what = f"{proxy.half_close(part)} of {happened.what}"
            case "delay":
                seconds = 0.05 + 0.45 * fault.pick
                happened.what += f" by {seconds:.2f} s"
                await proxy.delay(seconds, fault.lasts)
            case "swallow":
                await proxy.swallow(fault.lasts)
        happened.over = time.monotonic()

    # --- sinks ---

    async def _hurt_receiver(self, fault: Fault) -> None:
        receiver = self._receivers[fault.target]
        async with receiver.struck:
            happened = self._began(fault, f"for {fault.lasts:.1f} s")
            await receiver.suffer(fault.how, fault.lasts)
            happened.over = time.monotonic()

    # --- Redis ---

    @asynccontextmanager
    async def _outage(self) -> AsyncGenerator[None]:
        """Hurt Redis, and leave it alone for a while then."""
        async with self._redis.struck:
            yield
            await asyncio.sleep(_USABLE_S)

    async def _kill_redis(self, fault: Fault) -> None:
        async with self._outage():
            happened = self._began(fault, f"pid {self._redis.pid}")
            await self._redis.kill()
            await asyncio.sleep(fault.lasts)
            await self._redis.start()
            happened.over = time.monotonic()

    async def _pause_redis(self, fault: Fault) -> None:
        async with self._outage():
            happened = self._began(fault, f"pid {self._redis.pid}")
            self._redis.signal(signal.SIGSTOP)
            await asyncio.sleep(fault.lasts)
            self._redis.signal(signal.SIGCONT)
            happened.over = time.monotonic()

    async def _fill_redis(self, fault: Fault) -> None:
        async with self._outage():
            happened = self._began(fault, "maxmemory")
            await self._redis.limit(1)
            await asyncio.sleep(fault.lasts)
            await self._redis.limit(0)
            happened.over = time.monotonic()

    async def _hang_up(self, fault: Fault) -> None:
        async with self._redis.struck:
            happened = self._began(fault, "connections")
            try:
                happened.what = f"{await self._redis.hang_up(fault.pick)} connections"
            except (RedisError, OSError) as error:
                happened.what = f"connections: {error}"
            happened.over = time.monotonic()

    async def _nothing(self, fault: Fault) -> None:
        self._began(fault, "").over = time.monotonic()
