"""The profiles `sentinel` and `cluster`: their commands and scripts as they stand, found by the URL
that docs/compose.md gives.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from callscribe.local.child import die_with_parent, free_ports
from callscribe.local.embedded_redis import find_server
from common.redis.address import Address
from common.redis.link import Link
from tests.documents import block
from tests.integration.callscribe.processes import until
from tests.unit.deploy import compose

SERVICES = compose.read({})["services"]
CLI = shutil.which("valkey-cli") or shutil.which("redis-cli")


class Servers:
    """Containers of Redis, each with a loopback address in place of its name."""

    def __init__(self, directory: Path, names: Sequence[str]) -> None:
        self.directory = directory
        (directory / "valkey-server").symlink_to(find_server())
        self.port, self.sentinel_port = free_ports(2)
        self.addresses = {name: f"127.78.0.{number}" for number, name in enumerate(names, 2)}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def moved(self, text: str) -> str:
        """Put addresses and ports of this machine in place of names and ports."""
        for name in sorted(self.addresses, key=len, reverse=True):
            address = self.addresses[name]
            text = text.replace(f"{name} 6379", f"{address} {self.port}")
            text = text.replace(f"{name}:6379", f"{address}:{self.port}")
            text = text.replace(f"{name}:26379", f"{address}:{self.sentinel_port}")
        return text.replace("26379", str(self.sentinel_port))

    def start(self, name: str, service: str) -> None:
        """Start a container of a service."""
        data = self.directory / name
        data.mkdir()
        command = [*SERVICES[service]["entrypoint"], *SERVICES[service].get("command", ())]
        command = [self.moved(each) for each in command]
        address = self.addresses[name]
        if service == "sentinel":
            script = command[2].replace("/tmp", str(data))
            command[2] = script.replace(
                "port ", f"bind {address}\nbind-source-addr {address}\nport ", 1
            )
        else:
            command += ["--bind", address, "--bind-source-addr", address]
            command += ["--port", str(self.port), "--dir", str(data)]
        self.processes[name] = self.run(command, address)

    def run(self, command: Sequence[str], address: str) -> "subprocess.Popen[bytes]":
        """Start a command with the environment of all these services."""
        path = f"{self.directory}:{os.environ['PATH']}"
        env = {**SERVICES["redis"]["environment"], "HOSTNAME": address, "PATH": path}
        with (self.directory / "log").open("ab") as log:
            return subprocess.Popen(
                command, env=env, stdout=log, stderr=log, preexec_fn=die_with_parent()
            )

    def client(self, name: str, *, sentinel: bool = False) -> redis.Redis:
        """Return a client of one container."""
        port = self.sentinel_port if sentinel else self.port
        return redis.Redis(self.addresses[name], port, password=compose.PASSWORD)

    def told(self, name: str, section: str, *, sentinel: bool = False) -> dict[str, object]:
        """Return a section of INFO; nothing while it does not answer."""
        try:
            with self.client(name, sentinel=sentinel) as client:
                info: dict[str, object] = client.info(section)
                return info
        except (redis.ConnectionError, redis.BusyLoadingError):
            return {}


@contextmanager
def servers(directory: Path, names: Sequence[str]) -> Iterator[Servers]:
    """Yield containers of these names, none of which runs yet; see all ended on leaving."""
    running = Servers(directory, names)
    try:
        yield running
    finally:
        for process in running.processes.values():
            process.kill()
            process.wait()


def documented(profile: str, running: Servers) -> Address:
    """Return the address that the page gives for a profile."""
    text = block("docs/compose.md", f"COMPOSE_PROFILES={profile}").replace(
        "PASSWORD", compose.PASSWORD
    )
    url = dict(line.split("=", 1) for line in text.splitlines())["CALLSCRIBE_REDIS_URL"]
    return Address.parse(running.moved(url))


async def test_a_sentinel_puts_the_standby_in_place_of_the_master(tmp_path: Path):
    sentinels = ["sentinel", "sentinel-2", "sentinel-3"]
    assert SERVICES["sentinel"]["deploy"]["replicas"] == len(sentinels)
    with servers(tmp_path, ["redis", "redis-standby", *sentinels]) as running:
        running.start("redis", "redis")
        until(lambda: running.told("redis", "server") != {})
        running.start("redis-standby", "redis-standby")
        for name in sentinels:
            running.start(name, "sentinel")
        until(lambda: all(agree(running, name) for name in sentinels))
        link = Link(documented("sentinel", running), "test")
        await link.connect()
        try:
            await link.call("SET", "word", "kept")
            with running.client("redis") as master:
                assert master.wait(1, 5000) == 1
            running.processes["redis"].kill()
            until(lambda: running.told("redis-standby", "replication").get("role") == "master", 60)
            assert await link.insist([("GET", "word")]) == [b"kept"]
        finally:
            await link.close()


def agree(running: Servers, name: str) -> bool:
    """Whether a sentinel knows the master, the standby and the other sentinels."""
    told = running.told(name, "sentinel", sentinel=True).get("master0", {})
    assert isinstance(told, dict)
    return (told.get("status"), told.get("slaves"), told.get("sentinels")) == ("ok", 1, 3)


@pytest.mark.skipif(CLI is None, reason="there is no redis-cli")
async def test_the_nodes_become_a_cluster_once(tmp_path: Path):
    names = [name for name in SERVICES if name.startswith("redis-") and name[-1].isdigit()]
    assert len(names) == 6
    with servers(tmp_path, names) as running:
        for name in names:
            running.start(name, name)
        until(lambda: all(running.told(name, "server") for name in names))
        shim(tmp_path / "getent", 'eval echo "\\$$(echo $2 | tr - _)" x', running)
        shim(tmp_path / "valkey-cli", f'exec {CLI} -p {running.port} "$@"', running)
        script = SERVICES["cluster"]["entrypoint"]
        script = [each.replace(":6379", f":{running.port}") for each in script]
        script = [
            each.replace("-h redis-1", f"-h {running.addresses['redis-1']}") for each in script
        ]
        for _ in range(2):  # as with the next `docker compose up`
            assert running.run(script, "").wait(60) == 0, (tmp_path / "log").read_text()
        link = Link(documented("cluster", running), "test")
        until(lambda: state(running, "redis-3")["cluster_state"] == "ok")
        await link.connect()
        await link.call("SET", "word", "kept")
        await link.close()
        # Nodes tell each other of the others in their own time.
        until(lambda: state(running, "redis-6")["cluster_known_nodes"] == "6")


def state(running: Servers, name: str) -> dict[str, str]:
    """Return what a node knows of the cluster."""
    with running.client(name) as client:
        known: dict[str, str] = client.execute_command("CLUSTER INFO")
        return known


def shim(path: Path, line: str, running: Servers) -> None:
    """Write a program for the script, with the nodes' addresses as variables."""
    variables = [f"{n.replace('-', '_')}={a}" for n, a in running.addresses.items()]
    path.write_text("\n".join(["#!/bin/sh", *variables, line, ""]))
    path.chmod(0o755)
