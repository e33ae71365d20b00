"""The command line of the bundled Redis, run by a real server in other directories."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, ConnectionError, NoPermissionError
from ruamel.yaml import YAML

from callscribe.local.embedded_redis import find_server
from common.bus import keys
from tests.conftest import ROOT
from tests.documents import block
from tests.unit.deploy.sites import Objects, container, pod, rendered

PASSWORD = "p4ss word#1"
ONE_USER = rendered("small", {"redis.memoryMb": 64})
SHOWN = YAML(typ="safe").load(block("docs/kubernetes.md", "redis:"))["redis"]
USERS = rendered("small", {"redis": {**SHOWN, "memoryMb": 64}})
SERVICES = ("gateway", "vad", "denoise", "asr")
PAGE = "docs/kubernetes.md"
CLI = shutil.which("valkey-cli") or shutil.which("redis-cli")


def moved(program: str, folder: Path) -> str:
    """Return what a shell runs, with the directories and the programs of this machine."""
    for path, other in (("/tmp/", "tmp"), ("/data", "data"), ("/etc/callscribe/", "etc")):
        program = program.replace(path, f"{folder / other}{'/' if path.endswith('/') else ''}")
    program = program.replace("exec valkey-server ", f"exec {find_server()} ")
    return program.replace("valkey-cli ", f"{CLI} -s {folder / 'socket'} ")


@contextmanager
def started(site: Objects, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the container of a site's Redis; its socket is in the folder."""
    for name in ("data", "tmp", "etc"):
        (folder / name).mkdir(exist_ok=True)
    server = container(site["StatefulSet", "redis"])
    shell, option, program = server["command"]
    process = subprocess.Popen(
        [shell, option, f"{moved(program, folder)} --port 0 --unixsocket {folder / 'socket'}"],
        env={**os.environ, **{each["name"]: PASSWORD for each in server.get("env", ())}},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def connected(folder: Path, password: str, user: str | None = None) -> Redis:
    """Return a client once the server answers."""
    client = Redis(unix_socket_path=str(folder / "socket"), username=user, password=password)
    end = time.monotonic() + 20
    while True:
        try:
            client.ping()
            return client
        except ConnectionError as error:
            if isinstance(error, AuthenticationError) or time.monotonic() > end:
                raise
            time.sleep(0.02)


def probed(site: Objects, folder: Path, **variables: str) -> int:
    """Return the exit code of the readiness probe."""
    asked = container(site["StatefulSet", "redis"])["readinessProbe"]["exec"]["command"]
    program = [*asked[:2], moved(asked[2], folder)]
    return subprocess.run(program, env=variables, check=False).returncode


def test_it_asks_for_the_password_keeps_a_log_and_stops_when_told(tmp_path):
    with started(ONE_USER, tmp_path) as process:
        with connected(tmp_path, PASSWORD) as client:
            expected = {
                "appendonly": "yes",
                "appendfsync": "everysec",
                "save": "",
                "maxmemory": str(64 << 20),
                "maxmemory-policy": "noeviction",
                "stream-node-max-bytes": "16384",
            }
            assert {name: client.config_get(name)[name] for name in expected} == expected
            client.set("a", "b")
        socket = str(tmp_path / "socket")
        with pytest.raises(AuthenticationError), Redis(unix_socket_path=socket) as stranger:
            stranger.ping()
        assert (tmp_path / "tmp" / "password.conf").stat().st_mode & 0o077 == 0
        assert any((tmp_path / "data").rglob("*.aof"))
        # The password is in no argument, which every process of the node could read.
        with open(f"/proc/{process.pid}/cmdline", encoding="utf-8") as arguments:
            assert PASSWORD not in arguments.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


KUBECTL = """#!/bin/sh
# A Secret is a directory of files, and what is run in a pod is run here.
shift 2
case "$1" in
exec) shift 4; exec "$@" ;;
create) name=$4; shift 4; mkdir -p "etc/$name"
    for each; do cp "${each#--from-file=}" "etc/$name"; done ;;
esac
"""


def run_documented(first: str, folder: Path, replaced: str = "", by: str = "") -> str:
    """Run a block of the page in a folder; return what it prints."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    callscribe = f'#!/bin/sh\nexec {sys.executable} -m callscribe "$@"\n'
    for name, text in (("kubectl", KUBECTL), ("callscribe", callscribe)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    text = block(PAGE, first)
    assert replaced in text
    program = ["sh", "-euc", text.replace(replaced, by) if replaced else text]
    done = subprocess.run(program, env=env, cwd=folder, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def held(workload: Any, volume: str) -> list[str]:
    """Return the Secret of a volume."""
    return [
        each["secret"]["secretName"] for each in pod(workload)["volumes"] if each["name"] == volume
    ]


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    """Make the Secrets as the page says; return where the passwords are."""
    run_documented("callscribe redis-acl", tmp_path)
    made = tmp_path / "etc"
    for name in SERVICES:
        (only,) = held(USERS["Deployment", name], "redis-user")
        assert (made / only / name).read_text() == (tmp_path / "redis" / name).read_text()
    (server,) = held(USERS["StatefulSet", "redis"], "users")
    (made / server).rename(made / "redis-users")
    return tmp_path / "redis"


def test_with_users_each_service_may_do_what_is_its_own(tmp_path: Path, passwords: Path):
    with started(USERS, tmp_path):
        for name in SERVICES:
            password = (passwords / name).read_text().strip()
            with connected(tmp_path, password, name) as client:
                with pytest.raises(NoPermissionError):
                    client.config_get("*")
                if name == "gateway":
                    assert client.zcard(keys.sessions()) == 0
                else:
                    with pytest.raises(NoPermissionError):
                        client.zrange(keys.sessions(), 0, -1)
        with pytest.raises(AuthenticationError):
            connected(tmp_path, password, "gateway")


def test_an_operator_makes_a_key(tmp_path: Path, passwords: Path):
    operator = (passwords / "operator").read_text().strip()
    with started(USERS, tmp_path):
        connected(tmp_path, operator, "operator").close()
        where = (
            "redis://operator:%s@callscribe-redis:6379/0",
            f"unix://operator:%s@{tmp_path / 'socket'}",
        )
        said = run_documented("printf", tmp_path, *where)
        with connected(tmp_path, operator, "operator") as client:
            assert b"acme" in b"".join(client.hgetall(keys.access()).values())
    assert said.startswith("cs_")


def test_with_users_calls_outlive_a_restart(tmp_path: Path, passwords: Path):
    operator = (passwords / "admin").read_text().strip()
    with started(USERS, tmp_path) as process:
        with connected(tmp_path, operator, "admin") as client:
            client.eval("redis.call('SET', 'a', 'b') redis.call('SET', 'c', 'd')", 0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    with started(USERS, tmp_path), connected(tmp_path, operator, "admin") as client:
        assert client.mget("a", "c") == [b"b", b"d"]


@pytest.mark.skipif(CLI is None, reason="the command line of Redis is not installed")
@pytest.mark.parametrize("site", [ONE_USER, USERS], ids=["one user", "users"])
def test_the_probe_succeeds_while_the_server_runs(site: Objects, tmp_path: Path, passwords: Path):
    told = {"REDISCLI_AUTH": PASSWORD} if site is ONE_USER else {}
    assert probed(site, tmp_path, **told) != 0
    with started(site, tmp_path):
        if site is ONE_USER:
            connected(tmp_path, PASSWORD).close()
            assert probed(site, tmp_path) != 0
        else:
            connected(tmp_path, (passwords / "admin").read_text().strip(), "admin").close()
        assert probed(site, tmp_path, **told) == 0
