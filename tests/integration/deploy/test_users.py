"""docker-compose.yml with deploy/redis-users.yml: each service is a user of its own in Redis."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

import pytest
import redis

from tests.conftest import ROOT
from tests.documents import block
from tests.integration.callscribe.processes import until
from tests.integration.deploy.host import Host, running_host, transcribe
from tests.integration.deploy.monitoring import PROGRAMS, monitoring
from tests.unit.deploy import compose

CLI = shutil.which("valkey-cli") or shutil.which("redis-cli")
DOCKER = """#!/bin/sh
test "$1 $2" = "compose run" || exit 0
while test "$1" != gateway; do shift; done
exec {python} -m callscribe "$2" "{folder}/deploy$3"
"""
"""Stands for `docker`: runs what the gateway's container would, and starts nothing."""


def script(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def follow_the_page(folder: Path) -> dict[str, str]:
    """Do what docs/compose.md says in a folder; return what .env holds then."""
    (folder / "deploy" / "secrets" / "gateway").mkdir(parents=True)
    script(folder / "bin" / "docker", DOCKER.format(python=sys.executable, folder=folder))
    env = {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    text = block("docs/compose.md", "chmod 700 deploy/secrets\ndocker")
    subprocess.run(["sh", "-euc", text], cwd=folder, env=env, check=True)
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def operate(host: Host, service: str, *command: str) -> int:
    """Return the exit code of `docker compose run --rm` with a service and a command."""
    env = host.environment(service, host.mount(service, f"run-{service}"))
    env |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-m", "callscribe", *command]
    return subprocess.run(run, env=env, capture_output=True, check=False).returncode


def healthy(host: Host, env: Mapping[str, str]) -> bool:
    """Run the health check of Redis once, with a password in .env."""
    (server,) = host.of("redis")
    service = host.file["services"]["redis"]
    kind, check = service["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    bin = host.directory / "bin"
    line = f'exec {CLI} -h {server.address} -p {host.ports[6379]} "$@"'
    script(bin / "valkey-cli", f"#!/bin/sh\n{line}\n")
    given = {"REDISCLI_AUTH": env["REDIS_PASSWORD"], "PATH": f"{bin}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", check], env=given, capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.timeout(180)
def test_each_service_is_a_user_of_its_own(tmp_path: Path):
    env = follow_the_page(tmp_path)
    first, second = env.pop("COMPOSE_FILE").split(":")
    assert (first, ROOT / second) == ("docker-compose.yml", compose.USERS)
    assert (tmp_path / "deploy" / "secrets").stat().st_mode & 0o077 == 0
    with running_host(tmp_path, env=env, overrides=[compose.USERS]) as host:
        samples = files("pytest_audioeval") / "samples" / "audio" / "en"
        with as_file(samples / "quick_brown_fox.wav") as path:
            events = transcribe(host, path)
        text = " ".join(str(event["text"]) for event in events if event["type"] == "final")
        assert re.findall(r"\w+", text.lower())[-3:] == ["the", "lazy", "dog"]

        services = {each.service for each in host.containers} - {"redis"}
        with host.redis() as admin:
            users = {each["user"] for each in admin.client_list()} - {"admin"}
            assert users == services
            assert admin.acl_log() == []
        for each in host.containers:
            if each.service != "redis":
                seen = {file.name for file in (each.root / "run/secrets/redis").iterdir()}
                assert seen == {each.service}
            for path in (each.root / "run/secrets").rglob("*"):
                assert path.stat().st_mode & 0o004  # containers have other users than the host

        (server,) = host.of("redis")
        stranger = redis.Redis(server.address, host.ports[6379], password=env["REDIS_PASSWORD"])
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        assert operate(host, "operator", "keys", "create", "--tenant", "acme") == 0
        assert operate(host, "gateway", "keys", "create", "--tenant", "acme") == 2
        if CLI is not None:
            assert healthy(host, env)
            assert not healthy(host, {"REDIS_PASSWORD": compose.PASSWORD})


@pytest.mark.skipif(
    any(shutil.which(PROGRAMS[each][0]) is None for each in ("redis-exporter", "prometheus")),
    reason="there is no Prometheus, or no Redis exporter",
)
def test_prometheus_sees_redis_as_the_user_for_metrics(tmp_path: Path):
    env = follow_the_page(tmp_path)
    del env["COMPOSE_FILE"]
    none = dict.fromkeys(compose.services({}), 0)
    with (
        running_host(tmp_path, env=env, overrides=[compose.USERS], scale=none) as host,
        monitoring(host, "redis-exporter", "prometheus") as running,
    ):
        until(lambda: running.query("redis_up") == {("redis", "redis"): 1}, 30)
        assert running.query("redis_memory_max_bytes") == {("redis", "redis"): 2 << 30}
        with host.redis() as admin:
            assert {each["username"] for each in admin.acl_log()} <= {"metrics"}
