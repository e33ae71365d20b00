"""The local stack: Redis and every service, each as a process of its own.

A process that dies is restarted; all end with the stack, however it ends.
"""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, TextIO, TypeVar

from callscribe.local.embedded_redis import EmbeddedRedis, RedisProgram
from callscribe.local.plan import lay_out
from callscribe.local.service import Service
from callscribe.local.supervisor import Keeper, lateness
from callscribe.terminal.telling import tell
from common.errors import Unavailable
from common.lifecycle import EXIT_FAILED, EXIT_OK, Stop, stop_on_signals
from common.settings import PREFIX, load
from gateway.settings import GatewaySettings

_LAST_WORK = 1.0
"""Seconds that a worker has for work that needs no caller."""
_GRACE = 2.0
"""Seconds beyond a child's own drain deadline until it is killed."""
_SINGLE_THREADED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Otherwise the thread pools of numeric libraries would use every core in every process."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """What to start: the number of processes by service, and their environment."""

    counts: Mapping[str, int]
    env: Mapping[str, str]
    embedded_redis: bool
    ready_deadline: float = 120.0
    """Seconds until every process must be ready; loading a model takes longest."""
    echo: TextIO | None = None
    """Where the processes' output is copied to."""


class Stack:
    """A running stack, see `running_stack`."""

    def __init__(self, options: StackOptions, redis: EmbeddedRedis | None) -> None:
        self.redis = redis
        self._start = time.monotonic()
        self._ready_s = options.ready_deadline
        self._failed: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        env = {**_SINGLE_THREADED, **options.env}
        if redis is not None:
            env[PREFIX + "REDIS_URL"] = redis.url
        drain_s = load(GatewaySettings, [], env).drain_s + _GRACE
        plans = lay_out(options.counts, env, options.echo)
        self._gateway, *self._workers = (Service(plan, self._failed, drain_s) for plan in plans)
        self._services = [self._gateway, *self._workers]
        self._keepers: list[Keeper[Any]] = [*self._services]
        if redis is not None:
            self._keepers.append(Keeper(RedisProgram(redis), self._failed))

    @property
    def url(self) -> str:
        """Where the gateway answers, ``http://127.0.0.1:8000``."""
        return self._gateway.plan.url

    async def certificate(self) -> str | None:
        """Describe the gateway's certificate if it is self-signed and the gateway answers."""
        plan = self._gateway.plan
        fingerprint = await asyncio.to_thread(plan.fingerprint) if plan.self_signed else None
        if fingerprint is None:
            return None
        place = f"{plan.certfile}, " if plan.certfile is not None else ""
        return f"{place}SHA-256 fingerprint {fingerprint}"

    @property
    def ready_after(self) -> dict[str, float]:
        """Seconds from the stack's start until each process was ready for the first time."""
        return {
            each.name: each.first_ready - self._start
            for each in self._keepers
            if each.first_ready is not None
        }

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of those that are ready now, Redis included, by name."""
        return {
            each.name: each.process.pid
            for each in self._keepers
            if each.process is not None and each.ready.is_set()
        }

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return the result of `work`. A process that dies meanwhile is restarted.

        Unavailable says which process died, and how, if a restart cannot help.
        Cancelling cancels `work`.
        """
        working = asyncio.create_task(work)
        try:
            either: set[asyncio.Future[Any]] = {working, self._failed}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            self.check()
            return await working
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

    async def begin(self) -> None:
        """Start every process; raises Unavailable when one dies or is not ready in time."""
        for each in self._keepers:
            each.keep()
        await self.run(self._all_ready())

    async def end(self) -> Unavailable | None:
        """End the gateway, then the workers, and report those that did not end well.

        Workers and Redis are restarted if necessary while the gateway serves calls. Cancelling
        kills the remaining processes.
        """
        try:
            problems = [await self._gateway.end()]
            # Open calls are left for their clients to resume. Workers cannot finish their open
            # utterances, since nothing would end these.
            ends = [worker.end(hurry_after=_LAST_WORK) for worker in self._workers]
            problems += await asyncio.gather(*ends)
            return next((each for each in problems if each is not None), None)
        finally:
            await asyncio.gather(*(each.kill() for each in self._services))
            await asyncio.gather(*(each.let_go() for each in self._keepers))
            if not self._failed.cancel():
                self._failed.exception()  # it has been reported already

    def check(self) -> None:
        """Raise the stack's failure, if it has failed."""
        if self._failed.done():
            self._failed.result()

    async def _all_ready(self) -> None:
        try:
            async with asyncio.timeout(self._ready_s):
                for each in self._keepers:
                    await each.ready.wait()
        except TimeoutError:
            # An earlier one, the gateway, may only wait for a later one.
            late = [each for each in self._keepers if not each.ready.is_set()][-1]
            raise await lateness(late.program, late.process, self._ready_s) from None


@asynccontextmanager
async def running_stack(options: StackOptions) -> AsyncIterator[Stack]:
    """Start the stack, wait until every process is ready, and end them all on leaving.

    In between, a process that dies is restarted. At the end the gateway drains first, while the
    workers still serve it, then the workers drain, then Redis ends. Raises SettingsError for
    invalid settings, and Unavailable when a process dies or is not ready at the start, cannot be
    kept running, or does not end well. Cancelling at the end kills the processes.
    """
    with ExitStack() as resources:
        redis = resources.enter_context(EmbeddedRedis()) if options.embedded_redis else None
        stack = Stack(options, redis)
        cause: Unavailable | None = None
        try:
            await stack.begin()
            yield stack
            stack.check()
        except Unavailable as error:
            cause = error
            raise
        finally:
            problem = await stack.end()
            if problem is not None and cause is None:
                raise problem


async def until_stopped(work: Coroutine[Any, Any, int], *, when_stopped: int = EXIT_OK) -> int:
    """Return the result of `work`; the first SIGTERM or SIGINT cancels it, and so does a second.

    A terminal that is closed cancels it once.

    Returns `when_stopped` if it was cancelled once and cleaned up.
    """
    with stop_on_signals() as stop:
        _stop_when_hung_up(stop)
        working = asyncio.create_task(work)
        for request in (stop.draining, stop.abandoned):
            waiting = asyncio.create_task(request.wait())
            await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if working.done():
                break
            working.cancel()
        try:
            return await working
        except asyncio.CancelledError:
            return EXIT_FAILED if stop.abandoned.is_set() else when_stopped


async def serve(options: StackOptions) -> int:
    """Run the stack until cancelled, and say where it answers. Errors as `running_stack`."""
    async with running_stack(options) as stack:
        tell(f"callscribe is ready at {stack.url} ({', '.join(stack.pids)})", sys.stdout)
        if certificate := await stack.certificate():
            tell(f"its self-signed certificate: {certificate}", sys.stdout)
        await stack.run(asyncio.Event().wait())
    return EXIT_OK


def _stop_when_hung_up(stop: Stop) -> None:
    """Take a terminal's end, which may be told several times, for the first request to stop."""

    def hang_up() -> None:
        if not stop.draining.is_set():
            stop.request("SIGHUP")

    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hang_up)
