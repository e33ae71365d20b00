"""Processes with the arguments and the environment of their pods, asked as a cluster asks them."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from callscribe.local.child import die_with_parent, free_ports
from tests.conftest import ROOT
from tests.integration.callscribe.processes import until
from tests.integration.conftest import page
from tests.keys import Keys
from tests.real_redis import real_redis
from tests.unit.deploy import compose
from tests.unit.deploy.sites import of_kind, pod

SITE = "large"
STARTED = ("vad", "asr", "gateway")
"""What a gateway needs to be ready, and itself."""


@dataclass(frozen=True)
class Pod:
    """A process that runs as the only container of a pod would."""

    container: Mapping[str, Any]
    ports: Mapping[str, int]
    """The free ports that stand in for those of the container, by name."""

    def page(self, port: str, path: str) -> tuple[int, str]:
        """Return status and body of a page at a named port; status 0 while nothing answers."""
        try:
            return page(self.ports[port], path)
        except OSError:
            return 0, ""

    def passes(self, probe: str) -> bool:
        """Whether a probe succeeds."""
        asked = self.container[probe]["httpGet"]
        return self.page(asked["port"], asked["path"])[0] == 200


@contextmanager
def running(name: str, directory: Path, redis_url: str, keys: Path) -> Iterator[Pod]:
    """Start a service; Redis, the keys, the directories and the ports are the test's."""
    (container,) = pod(of_kind(SITE, "Deployment")[name])["containers"]
    named = {each["name"]: each["containerPort"] for each in container["ports"]}
    ports = dict(zip(named, free_ports(len(named)), strict=True))
    moved = {str(named[port]): str(free) for port, free in ports.items()}
    env = {each["name"]: each.get("value", redis_url) for each in container["env"]}
    env = {each: moved[value] if each.endswith("_PORT") else value for each, value in env.items()}
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(directory)}
    # The addresses of a machine that others use too.
    here = dict.fromkeys(("CALLSCRIBE_HOST", "CALLSCRIBE_METRICS_HOST"), "127.0.0.1")
    if name == "gateway":
        own["CALLSCRIBE_KEYS_FILE"] = str(keys)
    log = directory / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *compose.image_entrypoint(), *container["args"]],
            env={**own, **compose.image_environment(), **env, **here},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            preexec_fn=die_with_parent(),
        )
    try:
        yield Pod(container, ports)
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Pod]]:
    """Return the pods by name, all of them ready."""
    directory = tmp_path_factory.mktemp("cluster")
    keys = Keys(directory / "keys.json")
    with real_redis() as redis, ExitStack() as resources:
        started = {
            name: resources.enter_context(running(name, directory, redis.url, keys.file))
            for name in STARTED
        }
        for each in started.values():
            until(partial(each.passes, "startupProbe"), 60)
            until(partial(each.passes, "readinessProbe"), 60)
        yield started


def test_the_probes_need_no_key(pods: Mapping[str, Pod]):
    for each in pods.values():
        assert each.passes("startupProbe")
        assert each.passes("livenessProbe")
        assert each.passes("readinessProbe")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        # What KEDA counts.
        ("gateway", "callscribe_sessions 0.0"),
        ("vad", 'callscribe_legs_owned{stage="vad"} 0.0'),
        ("asr", 'callscribe_legs_owned{stage="asr"} 0.0'),
    ],
)
def test_prometheus_gets_the_metrics_of_every_pod(pods: Mapping[str, Pod], name: str, line: str):
    (monitor,) = of_kind(SITE, "PodMonitor").values()
    each = pods[name]
    # The operator leaves out an endpoint where a pod has no port of its name.
    (endpoint,) = [
        one for one in monitor["spec"]["podMetricsEndpoints"] if one["port"] in each.ports
    ]
    status, text = each.page(endpoint["port"], endpoint["path"])
    assert status == 200
    assert line in text.splitlines()


def test_who_has_no_key_reads_no_metrics_at_the_port_for_calls(pods: Mapping[str, Pod]):
    for path in ("/metrics", "/ws/status", "/health/extended"):
        assert pods["gateway"].page("http", path)[0] in (401, 404)
        assert pods["gateway"].page("admin", path)[0] == 200
