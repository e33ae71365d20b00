"""Processes with the arguments and the environment of their pods, asked as a cluster asks them."""

import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.redis_server import GuardedRedis
from callscribe.local.child import die_with_parent, free_ports
from gateway.tls.keeping import kept
from tests.conftest import ROOT, SMALLER_MODEL
from tests.integration.callscribe.processes import until
from tests.keys import Keys
from tests.real_redis import protection, real_redis
from tests.unit.deploy import compose
from tests.unit.deploy.sites import pod, rendered

STARTED = ("vad", "asr", "gateway")
"""What a gateway needs to be ready, and itself."""
SITES = {
    "one user of Redis": rendered("large", {"gateway.keysSecret": "keys"}),
    "users, and TLS": rendered(
        "small",
        {
            "redis.secret": None,
            "redis.userSecrets": "callscribe-redis",
            "gateway.keysSecret": "keys",
            "gateway.tlsSecret": "tls",
            "ingress.className": "haproxy",
            "monitoring.enabled": True,
        },
    ),
}


@dataclass(frozen=True)
class Pod:
    """A process that runs as the only container of a pod would."""

    container: Mapping[str, Any]
    ports: Mapping[str, int]
    """The free ports that stand in for those of the container, by name."""

    def page(self, port: str, path: str, scheme: str) -> tuple[int, str]:
        """Return status and body of a page at a named port; status 0 while nothing answers."""
        url = f"{scheme.lower()}://127.0.0.1:{self.ports[port]}{path}"
        # Neither the kubelet nor Prometheus verifies the certificate of a pod.
        unverified = ssl._create_unverified_context()
        try:
            with urllib.request.urlopen(url, timeout=5, context=unverified) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def passes(self, probe: str) -> bool:
        """Whether a probe succeeds."""
        asked = self.container[probe]["httpGet"]
        return self.page(asked["port"], asked["path"], asked.get("scheme", "HTTP"))[0] == 200


@dataclass(frozen=True)
class Cluster:
    """The pods of a site by name, all of them ready; and who scrapes them."""

    pods: Mapping[str, Pod]
    monitor: Mapping[str, Any]

    def endpoint(self, name: str) -> Mapping[str, str]:
        """Return the only endpoint of a pod: the operator leaves out what it has no port for."""
        every = self.monitor["spec"]["podMetricsEndpoints"]
        (only,) = [each for each in every if each["port"] in self.pods[name].ports]
        return {"scheme": "http", **only}

    def scraped(self, name: str) -> tuple[int, str]:
        """Return what Prometheus gets of a pod."""
        each = self.endpoint(name)
        return self.pods[name].page(each["port"], each["path"], each["scheme"])


def mount(workload: Any, directory: Path, made: Path) -> None:
    """Put into a directory what the pod's Secrets hold below /etc/callscribe."""
    spec = pod(workload)
    (name,) = spec["containers"][0]["args"]
    held = {
        "keys": {"keys.json": (made / "keys.json").read_bytes()},
        "tls": {
            "tls.crt": (made / "fullchain.pem").read_bytes(),
            "tls.key": (made / "privkey.pem").read_bytes(),
        },
        # The password of a user of the tests is its name.
        f"callscribe-redis-{name}": {name: name.encode()},
    }
    secrets = {each["name"]: each["secret"] for each in spec["volumes"] if "secret" in each}
    for each in spec["containers"][0]["volumeMounts"]:
        if each["name"] in secrets:
            place = directory / Path(each["mountPath"]).relative_to("/etc/callscribe")
            place.mkdir()
            for file, content in held[secrets[each["name"]]["secretName"]].items():
                (place / file).write_bytes(content)


@contextmanager
def running(workload: Any, directory: Path, redis: GuardedRedis) -> Iterator[Pod]:
    """Start a service; Redis, the Secrets, the directories and the ports are the test's."""
    (container,) = pod(workload)["containers"]
    named = {each["name"]: each["containerPort"] for each in container["ports"]}
    ports = dict(zip(named, free_ports(len(named)), strict=True))
    moved = {str(named[port]): str(free) for port, free in ports.items()}
    env = {each["name"]: each.get("value", redis.url) for each in container["env"]}
    env = {each: moved[value] if each.endswith("_PORT") else value for each, value in env.items()}
    files = ("/etc/callscribe", str(directory))
    bundled = ("//callscribe-redis:6379", f"//127.0.0.1:{redis.port}")
    env = {each: value.replace(*files).replace(*bundled) for each, value in env.items()}
    own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(directory)}
    # The addresses of a machine that others use too.
    hosts = ("HOST", "ADMIN_HOST", "METRICS_HOST")
    here = {f"CALLSCRIBE_{host}": "127.0.0.1" for host in hosts}
    log = directory / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *compose.image_entrypoint(), *container["args"]],
            env={**own, **SMALLER_MODEL, **compose.image_environment(), **env, **here},
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


@pytest.fixture(scope="module", params=SITES)
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Start what a gateway needs, and the gateway."""
    objects = SITES[request.param]
    made = tmp_path_factory.mktemp("cluster")
    Keys(made / "keys.json")
    kept(made, ["127.0.0.1"])
    protected = "acl" if "users" in request.param else protection()
    with real_redis(protected) as redis, ExitStack() as resources:
        pods = {}
        for name in STARTED:
            workload, directory = objects["Deployment", name], made / name
            directory.mkdir()
            mount(workload, directory, made)
            pods[name] = resources.enter_context(running(workload, directory, redis))
        for each in pods.values():
            until(partial(each.passes, "startupProbe"), 60)
            until(partial(each.passes, "readinessProbe"), 60)
        yield Cluster(pods, objects["PodMonitor", "callscribe"])


def test_the_probes_need_no_key(cluster: Cluster):
    for each in cluster.pods.values():
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
def test_prometheus_gets_the_metrics_of_every_pod(cluster: Cluster, name: str, line: str):
    status, text = cluster.scraped(name)
    assert status == 200
    assert line in text.splitlines()


def test_who_has_no_key_reads_no_metrics_at_the_port_for_calls(cluster: Cluster):
    scheme = cluster.endpoint("gateway")["scheme"]
    for path in ("/metrics", "/ws/status", "/health/extended"):
        assert cluster.pods["gateway"].page("http", path, scheme)[0] in (401, 404)
        assert cluster.pods["gateway"].page("admin", path, scheme)[0] == 200
