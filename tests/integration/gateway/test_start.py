"""What a service does when it cannot start, and what a gateway says before it can take calls."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bench.redis_server import GuardedRedis
from callscribe.local.child import free_ports
from tests.integration.callscribe.processes import until
from tests.integration.pipeline.calls import config, converse
from tests.integration.pipeline.services import service
from tests.real_redis import admin, real_redis


@pytest.fixture
def refusing() -> int:
    """A port that no process listens on."""
    return free_ports(1)[0]


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("nobody", ["refusing", "silent"])
def test_without_redis_a_service_names_the_address_and_ends(
    nobody: str, request: pytest.FixtureRequest
):
    port = request.getfixturevalue(nobody)
    command = [sys.executable, "-m", "callscribe"]
    where = ["--redis-url", f"redis://:secret@127.0.0.1:{port}/0"]
    with ExitStack() as leaving:
        started = [
            leaving.enter_context(
                subprocess.Popen([*command, *each, *where], stderr=subprocess.PIPE, text=True)
            )
            for each in (["gateway", "--port", "0"], ["vad"])
        ]
        for process in started:
            leaving.callback(process.kill)
        for process in started:
            # The deadline is the product's promise.
            _, complaint = process.communicate(timeout=10)
            assert process.returncode != 0
            (line,) = complaint.strip().splitlines()
            assert f"127.0.0.1:{port}" in line
            assert "secret" not in line


def test_a_port_that_is_taken_is_named(silent: int):
    with real_redis() as redis:
        command = [sys.executable, "-m", "callscribe", "gateway", "--redis-url", redis.url]
        command += ["--host", "127.0.0.1", "--port", str(silent)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert str(silent) in done.stderr


async def test_without_workers_a_gateway_is_not_ready_and_refuses_calls():
    with real_redis() as redis, service("gateway", redis.url) as gateway:
        until(lambda: gateway.page("/health")[0] == 200)
        assert gateway.page("/ready") == (503, "no live worker: vad, asr\n")
        transcript = await converse(gateway.url, config())
        assert transcript.errors == ["unavailable"]
        assert "vad" in transcript.of("error")[0]["message"]
        assert transcript.close_code == 1013
        refused = re.search(
            r'callscribe_refusals_total\{reason="unavailable"\} 1.0', gateway.page("/metrics")[1]
        )
        assert refused
        assert gateway.end() == 0


@pytest.mark.parametrize(
    ("name", "flags", "missing", "said"),
    [
        ("gateway", ["--port", "0"], "-hgetall", "user gateway may not run HGETALL cs:v"),
        ("vad", [], "-xgroup|create", "user vad may not run XGROUP cs:v"),
        ("vad", [], "off", "WRONGPASS"),
    ],
)
def test_a_service_without_a_right_names_it_and_ends(
    name: str, flags: list[str], missing: str, said: str
):
    with GuardedRedis("acl") as redis:
        with admin(redis.url) as client:
            client.execute_command("ACL", "SETUSER", name, missing)
        command = [sys.executable, "-m", "callscribe", name, *flags, "--redis-url", redis.url]
        ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    (line,) = [each for each in ended.stderr.splitlines() if each.startswith("callscribe ")]
    assert said in line
    assert ended.returncode == (1 if missing == "off" else 2)
