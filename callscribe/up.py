"""The local stack: Redis and every service as a process of its own, for as long as it is wanted.

The services are those of the entry point group `callscribe.settings`. They are told everything
through CALLSCRIBE_* variables. All end with the stack, in whatever way it ends; a process that
dies ends the stack.
"""

import asyncio
import http.client
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TextIO, TypeVar

from callscribe.child import Child, free_ports
from callscribe.embedded_redis import EmbeddedRedis
from common.errors import Unavailable
from common.lifecycle import EXIT_FAILED, EXIT_OK, stop_on_signals
from common.settings import PREFIX, StageSettings, load, settings_classes
from gateway.settings import GatewaySettings

GATEWAY = "gateway"
_POLL = 0.05
_GRACE = 2.0
"""Seconds that a child gets beyond its own drain deadline before it is killed."""
_SINGLE_THREADED = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Thread pools of the number libraries would each take every core, in every process."""
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """What to start: processes by service, none where not named, in the environment for all."""

    counts: Mapping[str, int]
    env: Mapping[str, str]
    embedded_redis: bool
    ready_deadline: float = 120.0
    """Seconds until every process must be ready; loading a model takes longest."""
    echo: TextIO | None = None
    """Where the processes' output is copied to."""


@dataclass(frozen=True)
class _Plan:
    """One process to be: its environment, and where it tells whether it is ready."""

    name: str
    service: str
    env: Mapping[str, str]
    host: str
    port: int
    tls: bool

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


@dataclass
class Stack:
    """A running stack, see `running_stack`."""

    url: str
    """Where the gateway answers, ``http://127.0.0.1:8000``."""
    children: list[Child] = field(default_factory=list)
    redis: EmbeddedRedis | None = None
    ready_after: dict[str, float] = field(default_factory=dict)
    """Seconds from the stack's start until each process was ready."""

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns; Unavailable tells which process died before that, and how.

        Cancelling cancels `work`.
        """
        working = asyncio.create_task(work)
        deaths = {asyncio.create_task(_death(child)) for child in self.children}
        if self.redis is not None:
            deaths.add(asyncio.create_task(_redis_death(self.redis)))
        try:
            await asyncio.wait({working, *deaths}, return_when=asyncio.FIRST_COMPLETED)
            for death in deaths:
                if death.done():
                    death.result()
            return await working
        finally:
            for task in (working, *deaths):
                task.cancel()
            await asyncio.gather(working, *deaths, return_exceptions=True)


@asynccontextmanager
async def running_stack(options: StackOptions) -> AsyncIterator[Stack]:
    """Start the stack, wait until every process is ready, and end them all on leaving.

    The gateway drains first, while the workers still serve it, then the workers, then Redis
    goes. Raises SettingsError for what the environment holds, and Unavailable when a process
    dies, is not ready in time or does not end well. Cancelling while it ends the
    processes kills them.
    """
    start = time.monotonic()
    with ExitStack() as resources:
        env = {**_SINGLE_THREADED, **options.env}
        redis = None
        if options.embedded_redis:
            redis = resources.enter_context(EmbeddedRedis())
            env[PREFIX + "REDIS_URL"] = redis.url
        plans = _plan(options.counts, env)
        stack = Stack(url=plans[0].url, redis=redis)
        if redis is not None:
            stack.ready_after["redis"] = time.monotonic() - start
        deadline = load(GatewaySettings, [], env).drain_s + _GRACE
        cause: Unavailable | None = None
        try:
            for plan in plans:
                command = [sys.executable, "-m", "callscribe", plan.service]
                child = await Child.start(plan.name, command, plan.env, options.echo)
                stack.children.append(child)
            await stack.run(_all_ready(plans, stack, start, options.ready_deadline))
            yield stack
        except Unavailable as error:
            cause = error
            raise
        finally:
            problem = await _end(stack.children, deadline)
            if problem is not None and cause is None:
                raise problem


async def until_stopped(work: Coroutine[Any, Any, int], *, when_stopped: int = EXIT_OK) -> int:
    """Return what `work` returns; the first SIGTERM or SIGINT cancels it, and so does a second.

    `when_stopped` is returned when it was cancelled once and cleaned up after itself.
    """
    with stop_on_signals() as stop:
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
    """Run the stack until cancelled, and say where it answers; errors as `running_stack`."""
    async with running_stack(options) as stack:
        processes = ", ".join(child.name for child in stack.children)
        print(f"callscribe is ready at {stack.url} ({processes})", flush=True)
        await stack.run(asyncio.Event().wait())
    return EXIT_OK


def _plan(counts: Mapping[str, int], env: Mapping[str, str]) -> list[_Plan]:
    """Lay out the processes, the gateway first."""
    gateway = load(GatewaySettings, [], env)
    port = gateway.port or free_ports(1)[0]
    tls = gateway.generate_self_signed_cert or gateway.ssl_certfile is not None
    host = _ANY_ADDRESS.get(gateway.host, gateway.host)
    plans = [_Plan(GATEWAY, GATEWAY, {**env, PREFIX + "PORT": str(port)}, host, port, tls)]
    workers = {name: cls for name, cls in settings_classes().items() if name != GATEWAY}
    free = iter(free_ports(sum(counts.get(name, 0) for name in workers)))
    given = count()
    for service, cls in workers.items():
        settings = load(cls, [], env)
        assert isinstance(settings, StageSettings)
        # Several workers on one machine cannot share a port: they count up from the one given.
        # Without one, nobody else is expected to ask, so that loopback is enough.
        host = settings.metrics_host if settings.metrics_port else "127.0.0.1"
        wanted = counts.get(service, 0)
        for number in range(wanted):
            name = f"{service}[{number}]" if wanted > 1 else service
            port = settings.metrics_port + next(given) if settings.metrics_port else next(free)
            own = {PREFIX + "METRICS_HOST": host, PREFIX + "METRICS_PORT": str(port)}
            probed = _ANY_ADDRESS.get(host, host)
            plans.append(_Plan(name, service, {**env, **own}, probed, port, tls=False))
    return plans


async def _all_ready(plans: list[_Plan], stack: Stack, start: float, deadline: float) -> None:
    pending = list(zip(plans, stack.children, strict=True))
    while True:
        reasons = await asyncio.gather(*(asyncio.to_thread(_probe, plan) for plan, _ in pending))
        waited = time.monotonic() - start
        for (plan, _), reason in zip(pending, reasons, strict=True):
            if reason is None:
                stack.ready_after[plan.name] = waited
        late = [
            (plan, child, reason)
            for (plan, child), reason in zip(pending, reasons, strict=True)
            if reason is not None
        ]
        if not late:
            return
        if waited > deadline:
            plan, child, reason = late[-1]
            raise Unavailable(
                f"{plan.name} is not ready after {deadline:g} s: {reason};"
                f" its last words:{child.last_words or ' none'}",
                stage=plan.service,
            )
        pending = [(plan, child) for plan, child, _ in late]
        await asyncio.sleep(_POLL)


def _probe(plan: _Plan) -> str | None:
    """Ask a process whether it is ready; return None, or the reason why not."""
    connection: http.client.HTTPConnection
    if plan.tls:
        # The certificate is made for the public name; this only asks the own child on loopback.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(plan.host, plan.port, timeout=2, context=context)
    else:
        connection = http.client.HTTPConnection(plan.host, plan.port, timeout=2)
    try:
        connection.request("GET", "/ready")
        response = connection.getresponse()
        body = response.read(500).decode(errors="replace").strip()
        return None if response.status == http.HTTPStatus.OK else f"{response.status} {body}"
    except (OSError, http.client.HTTPException) as error:
        return f"{plan.url} does not answer ({error})"
    finally:
        connection.close()


async def _death(child: Child) -> None:
    code = await child.wait()
    raise Unavailable(_obituary(child.name, child.pid, code, child.last_words), stage=child.name)


async def _redis_death(redis: EmbeddedRedis) -> None:
    while True:
        code = redis.exit_code()
        if code is not None:
            obituary = _obituary("redis", redis.pid, code, redis.last_words())
            raise Unavailable(obituary, stage="redis")
        await asyncio.sleep(_POLL)


def _obituary(name: str, pid: int, code: int, last_words: str) -> str:
    how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    return f"{name} (pid {pid}) ended with {how}; its last words:{last_words or ' none'}"


async def _end(children: list[Child], deadline: float) -> Unavailable | None:
    """End the first child, the gateway, then all others, and tell which did not end well.

    Cancelling kills what is left.
    """
    problem = None
    try:
        for group in (children[:1], children[1:]):
            ended = await asyncio.gather(*(child.stop(deadline) for child in group))
            for child, by_itself in zip(group, ended, strict=True):
                code = await child.wait()
                obituary = _obituary(child.name, child.pid, code, child.last_words)
                if not by_itself:
                    obituary = f"not ended within {deadline:g} s: {obituary}"
                # SIGTERM: stopped before it could handle it, at its very start.
                if code not in (EXIT_OK, -signal.SIGTERM):
                    problem = problem or Unavailable(obituary, stage=child.name)
    finally:
        for child in children:
            child.kill()
        await asyncio.gather(*(child.wait() for child in children))
    return problem
