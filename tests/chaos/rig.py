"""The running system of a run, and the networks around it, which can be hurt."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.proxy import Proxy
from tests.chaos.stack import LastingRedis, Layout, Stack
from tests.integration.protocols.calls import Ports


@dataclass(slots=True)
class Rig:
    """The processes; `own` are the ports of the steady gateway's protocols."""

    stack: Stack
    redis: LastingRedis
    bus: Proxy
    callers: Proxy
    own: Mapping[str, int]

    @property
    def steady(self) -> Ports:
        """Where calls connect that cannot resume."""
        (gateway,) = self.stack.of("steady")
        return Ports(gateway.port, self.own)

    @property
    def url(self) -> str:
        """Where the others connect: any gateway, through a network."""
        return f"ws://127.0.0.1:{self.callers.port}/ws/asr"

    def page(self, path: str) -> str:
        """Return a URL of a gateway."""
        return f"http://127.0.0.1:{self.stack.of('gateway')[0].port}{path}"

    async def end(self) -> list[str]:
        """Ask all processes to end; return what went wrong with them, and what Redis refused."""
        await self.stack.stop()
        denied = await asyncio.to_thread(self.redis.guard.denials, self.redis.port)
        return [*self.stack.problems, *(f"Redis refused: {each}" for each in denied)]


@asynccontextmanager
async def running(
    layout: Layout,
    own: Mapping[str, int],
    logs: Path,
    run: str,
    *,
    seed: int,
    data: Path | None = None,
    told: Callable[[bytes], None] | None = None,
    **redis_options: str,
) -> AsyncIterator[Rig]:
    """Run a system; kill what is left of it in the end.

    `data`: where Redis has its files, beside the logs if None. `told` gets what gateways say to
    callers.
    """
    redis = LastingRedis(data or logs, run, **redis_options)
    await redis.start()
    bus = Proxy([redis.port], seed)
    await bus.start()
    stack = Stack(layout, redis.guard.url(bus.port), logs, run)
    callers = Proxy([process.port for process in stack.of("gateway")], seed, told=told)
    await callers.start()
    try:
        await stack.start()
        yield Rig(stack, redis, bus, callers, own)
    finally:
        await stack.kill()
        await callers.stop()
        await bus.stop()
        await redis.admin.aclose()
        await redis.kill()
