"""Every panel of the dashboards, asked from a Prometheus that scrapes the running system."""

import asyncio
import math
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Origin

from callscribe.local.child import die_with_parent, free_ports
from deploy.dashboards.description import DASHBOARDS
from deploy.dashboards.panels import Panel
from tests.certificates import identity
from tests.conftest import ROOT
from tests.drills.monitoring import missing
from tests.drills.system import FULL, GOOD, SLOW, System, running_system
from tests.integration.deploy.monitoring import PROGRAMS, mounted, moved
from tests.integration.pipeline.calls import FINALIZE, config, line
from tests.promql import names
from tests.unit.deploy import compose

EXPORTERS = {"redis": "redis-exporter", "node": "node-exporter"}
"""Services of compose by the beginning of their metrics' names, which is that of their job."""

ELSEWHERE = {
    "Tokens a second": "only the engine vllm counts tokens",
    "Prompt tokens from the cache": "only the engine vllm counts tokens",
    "Aligning one text": "an aligner needs a GPU",
    "Texts without words, a minute": "an aligner needs a GPU",
    "Masks of an hour": "no call here hides anything",
    "GPU in use": "there is no GPU",
    "GPU memory in use": "there is no GPU",
    "GPU power": "there is no GPU",
    "GPU temperature": "there is no GPU",
}
"""Panels that cannot show anything here."""


def asked(expr: str) -> str:
    """Return a panel's query as Grafana asks it when everything is chosen."""
    return expr.replace("$__rate_interval", "20s").replace("$stage", ".*").replace("$gateway", ".*")


def shows(system: System, panel: Panel) -> bool:
    """Whether each query of a panel has a series with a value."""
    return all(
        any(
            math.isfinite(float(each["value"][1]))
            for each in system.prometheus.query(asked(q.expr))
        )
        for q in panel.queries
    )


def needed(panel: Panel) -> set[str]:
    """Return the exporters that a panel needs, by job."""
    used = {name for q in panel.queries for name in names(q.expr)}
    return {job for job in EXPORTERS if any(name.startswith(f"{job}_") for name in used)}


@contextmanager
def exporters(system: System) -> Iterator[set[str]]:
    """Start Debian's exporters beside the system; yield the jobs of those that there are.

    That of Redis asks one server by itself, which compose leaves to Prometheus.
    """
    own = {"redis": [f"--redis.addr={system.server.url}"]}
    with ExitStack() as resources:
        for job, service in EXPORTERS.items():
            program, address = PROGRAMS[service]
            if shutil.which(program) is None:
                continue
            file = compose.read({})["services"][service]
            command = own.get(job) or moved(file, mounted(file, system.directory))
            (port,) = free_ports(1)
            process = subprocess.Popen(
                [program, *command, f"{address}127.0.0.1:{port}"],
                stderr=subprocess.DEVNULL,
                preexec_fn=die_with_parent(),
            )
            resources.callback(process.wait)
            resources.callback(process.kill)
            system.others[job] = [port]
        yield {*system.others}


async def provoke(system: System) -> None:
    """Do what labelled counters wait for: lost connections, refused calls, a client's mistake."""
    system.redis.client_kill_filter(_type="normal")
    with suppress(InvalidStatus):
        async with connect(system.url, origin=Origin("https://elsewhere.example"), proxy=None):
            pass
    with suppress(InvalidStatus, WebSocketException):
        async with line(system.url) as client:
            await client.say(config(encoding="none such"))
            await client.hear_out()
    with suppress(WebSocketException):
        async with line(system.url) as client:  # a mistake that ends no call
            await client.say(config(), '{"type": "config", "language": "klingon"}', FINALIZE)
            await client.hear_out()


@pytest.mark.skipif(bool(missing()), reason="there is no Prometheus")
@pytest.mark.timeout(240)
async def test_every_panel_shows_the_load(tmp_path: Path):
    panels = {f"{d.name}: {p.title}": p for d in DASHBOARDS for p in d.panels}
    with running_system(tmp_path) as system, exporters(system) as there:
        given = identity(tmp_path, "secured", "localhost", days=90)
        flags = "--ssl-certfile", str(given.certfile), "--ssl-keyfile", str(given.keyfile)
        # Nothing listens there: its spans are dropped.
        spans = "--otlp-endpoint", "http://127.0.0.1:9"
        system.add("gateway", *flags, *spans, tls=True)
        await system.ready()
        due = {
            name: panel
            for name, panel in panels.items()
            if panel.title not in ELSEWHERE and needed(panel) <= there
        }
        asked_for = len(due)
        async with system.talking(GOOD, 2), system.talking(FULL, 1), system.talking(SLOW, 2):
            await provoke(system)
            end = asyncio.get_running_loop().time() + 120
            while due and asyncio.get_running_loop().time() < end:
                due = {name: panel for name, panel in due.items() if not shows(system, panel)}
                await asyncio.sleep(1.0)
            assert sorted(due) == []
    if there == {*EXPORTERS}:
        page = " ".join((ROOT / "docs" / "operations.md").read_text().split())
        assert f"{asked_for} of {len(panels)} show data" in page
