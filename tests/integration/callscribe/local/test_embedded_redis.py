import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from callscribe.local import embedded_redis
from callscribe.local.embedded_redis import EmbeddedRedis, answers
from common.errors import Unavailable
from tests.integration.callscribe.processes import gone, until


def ask(port, *words):
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(" ".join(words).encode() + b"\r\n")
        return connection.recv(1000)


def test_it_answers_and_leaves_nothing():
    with EmbeddedRedis() as redis:
        assert redis.url == f"redis://127.0.0.1:{redis.port}/0"
        assert ask(redis.port, "PING") == b"+PONG\r\n"
        assert b"16384" in ask(redis.port, "CONFIG GET stream-node-max-bytes")
        assert b"noeviction" in ask(redis.port, "CONFIG GET maxmemory-policy")
        assert b"everysec" in ask(redis.port, "CONFIG GET appendfsync")
        directory = Path(ask(redis.port, "CONFIG GET dir").split(b"\r\n")[4].decode())
        assert directory.is_dir()
        pid = redis.pid
    assert not directory.exists()
    assert gone(pid)


def test_two_of_them_do_not_meet():
    with EmbeddedRedis() as one, EmbeddedRedis() as other:
        assert one.port != other.port
        ask(one.port, "SET name one")
        assert ask(other.port, "GET name") == b"$-1\r\n"


def test_its_death_is_seen():
    with EmbeddedRedis() as redis:
        assert redis.exit_code() is None
        os.kill(redis.pid, signal.SIGKILL)
        until(lambda: redis.exit_code() == -signal.SIGKILL)
        assert "Ready to accept connections" in redis.last_words()


def test_a_killed_server_is_started_again_with_its_data():
    with EmbeddedRedis() as redis:
        ask(redis.port, "SET name value")
        first, port = redis.pid, redis.port
        os.kill(first, signal.SIGKILL)
        until(lambda: redis.exit_code() is not None)
        redis.restart()
        until(lambda: answers(port))
        assert redis.port == port
        assert ask(port, "GET name") == b"$5\r\nvalue\r\n"
        directory = Path(ask(port, "CONFIG GET dir").split(b"\r\n")[4].decode())
        second = redis.pid
    assert not directory.exists()
    assert gone(first)
    assert gone(second)


def test_a_server_that_will_not_start_is_reported_with_its_words(monkeypatch, tmp_path):
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho no licence today\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(embedded_redis, "find_server", lambda: str(program))
    with pytest.raises(Unavailable, match="no licence today"), EmbeddedRedis():
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl(2)")
def test_it_dies_with_its_parent(tmp_path):
    program = (
        "import time; from callscribe.local.embedded_redis import EmbeddedRedis\n"
        "with EmbeddedRedis() as redis: print(redis.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(tmp_path)},  # where the killed leaves its directory
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    until(lambda: gone(pid))
