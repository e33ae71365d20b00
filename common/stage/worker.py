"""The process around a stage: settings, logs, metrics endpoint, signals, exit code."""

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from typing import Any, TypeVar

import uvloop
from prometheus_client import CollectorRegistry

from common import lifecycle
from common.bus import commands
from common.bus.eviction import Eviction
from common.bus.releases import refuse_beside_strangers
from common.errors import CallscribeError, SettingsError
from common.listening import listen
from common.redis.address import Address
from common.redis.link import Link
from common.redis.refusals import Refusals
from common.settings import StageSettings, load
from common.stage.api import Stage
from common.stage.runner import Runner
from common.telemetry import logs
from common.telemetry.endpoint import Endpoint
from common.telemetry.metrics import BusMetrics, StageMetrics, new_registry

_FILES = 128
"""Open files of a worker, at most."""

Settings = TypeVar("Settings", bound=StageSettings)


def main(
    cls: type[Settings],
    build: Callable[[Settings, CollectorRegistry], Stage[Any, Any]],
    slots: Callable[[Settings], int],
    argv: Sequence[str] | None,
) -> int:
    """Run a stage worker until it is stopped; return the process's exit code.

    If it cannot start (a setting, the model, Redis), one line on stderr says why. The exit code is
    2 if a setting must change.
    """
    name = cls.__name__.removesuffix("Settings").lower()
    try:
        settings = load(cls, sys.argv[1:] if argv is None else argv, os.environ)
        logs.configure(level=settings.log_level, format=settings.log_format, service=name)
        registry = new_registry(version=version("callscribe"), service=name)
        stage = build(settings, registry)
        return uvloop.run(_run(stage, settings, registry, slots(settings)))
    except CallscribeError as error:
        print(f"callscribe {name}: {error}", file=sys.stderr)  # noqa: T201 - for the operator
        misuse = isinstance(error, SettingsError)
        return lifecycle.EXIT_MISUSE if misuse else lifecycle.EXIT_FAILED


async def _run(
    stage: Stage[Any, Any], settings: StageSettings, registry: CollectorRegistry, slots: int
) -> int:
    lifecycle.raise_file_limit(_FILES)
    consumer = lifecycle.process_name()
    address = Address.parse(settings.redis_url, stage.spec.name)
    bus_metrics = BusMetrics.build(registry)
    refusals = Refusals(bus_metrics)

    async def dial(role: str) -> Link:
        link = Link(address, f"{stage.spec.name}:{consumer}:{role}", bus_metrics, refusals)
        await link.connect()
        return link

    metrics = StageMetrics.build(registry, stage.spec.name)
    runner = Runner(stage, settings, slots=slots, consumer=consumer, metrics=metrics, dial=dial)
    with lifecycle.stop_on_signals() as stop, ExitStack() as endpoint:

        async def start() -> None:
            if (port := settings.metrics_port) is not None:
                host = settings.metrics_host
                endpoint.enter_context(await _pages(host, port, registry, runner, refusals))
            await _start(runner, dial)

        if not await lifecycle.unless_stopped(start(), stop):
            return lifecycle.EXIT_OK
        lifecycle.settle_memory()
        code = await lifecycle.supervise(
            runner.services(), stop, drain=runner.drain, deadline=settings.drain_s
        )
        await runner.stop()
    return code


async def _pages(
    host: str, port: int, registry: CollectorRegistry, runner: Runner[Any], refusals: Refusals
) -> Endpoint:
    def ready() -> str | None:
        # A worker whose writes are refused may wait for that to begin.
        return refusals.reason or runner.ready()

    async def bind() -> Endpoint:
        return Endpoint(host, port, registry=registry, live=runner.live, ready=ready)

    return await listen("--metrics-port", host, port, bind)


async def _start(runner: Runner[Any], dial: Callable[[str], Awaitable[Link]]) -> None:
    link = await dial("releases")
    try:
        await refuse_beside_strangers(link)
        Eviction().note(await link.everywhere(commands.memory()))
    finally:
        await link.close()
    await runner.start()
