"""The command line of the bundled Redis, run by a real server in other directories."""

import os
import signal
import subprocess
import time

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, ConnectionError

from callscribe.local.embedded_redis import find_server
from deploy.kubernetes.redis import COMMAND

PASSWORD = "p4ss word#1"


@pytest.fixture
def server(tmp_path):
    """Start it; return its socket, its process and its directory."""
    data, tmp = tmp_path / "data", tmp_path / "tmp"
    data.mkdir()
    tmp.mkdir()
    command = COMMAND.format(memory_mb=64)
    for path, other in (("/tmp/", f"{tmp}/"), ("/data", str(data))):
        assert path in command
        command = command.replace(path, other)
    assert "exec valkey-server " in command
    command = command.replace("exec valkey-server ", f"exec {find_server()} ")
    socket = tmp_path / "socket"
    process = subprocess.Popen(
        ["sh", "-c", f"{command} --port 0 --unixsocket {socket}"],
        env={**os.environ, "REDIS_PASSWORD": PASSWORD},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield socket, process, tmp_path
    finally:
        process.kill()
        process.wait()


def connected(socket, password):
    client = Redis(unix_socket_path=str(socket), password=password)
    end = time.monotonic() + 20
    while True:
        try:
            client.ping()
            return client
        except ConnectionError as error:
            if isinstance(error, AuthenticationError) or time.monotonic() > end:
                raise
            time.sleep(0.02)


def test_it_asks_for_the_password_keeps_a_log_and_stops_when_told(server):
    socket, process, folder = server
    with connected(socket, PASSWORD) as client:
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
    with pytest.raises(AuthenticationError), Redis(unix_socket_path=str(socket)) as stranger:
        stranger.ping()
    assert (folder / "tmp" / "password.conf").stat().st_mode & 0o077 == 0
    assert any((folder / "data").rglob("*.aof"))
    # The password is in no argument, which every process of the node could read.
    with open(f"/proc/{process.pid}/cmdline", encoding="utf-8") as arguments:
        assert PASSWORD not in arguments.read()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
