"""What a service does when it cannot start, and what a gateway says before it can take calls."""

import re
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, TypeAlias

import pytest

from bench.redis_server import GuardedRedis
from callscribe.local.child import free_ports
from tests.integration.callscribe.processes import until
from tests.integration.pipeline.calls import config, converse
from tests.integration.pipeline.services import service
from tests.real_redis import admin, real_redis

Process: TypeAlias = "subprocess.Popen[str]"


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
            _, complaint = process.communicate(timeout=60)
            assert process.returncode != 0
            (line,) = complaint.strip().splitlines()
            assert f"127.0.0.1:{port}" in line
            assert "secret" not in line


_PORTS = ("--port", "--admin-port", "--stream-port", "--stream-ws-port", "--metrics-port")


@contextmanager
def listening(redis_url: str, flag: str, port: int, host: str = "127.0.0.1") -> Iterator[Process]:
    """Start a service with one of its ports given, the others free."""
    worker = flag == "--metrics-port"
    command = [sys.executable, "-m", "callscribe", "vad" if worker else "gateway"]
    command += ["--redis-url", redis_url]
    if not worker:
        command += ["--host", host, "--no-auth", *(() if flag == "--port" else ("--port", "0"))]
    command += [flag, str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("flag", _PORTS)
def test_a_port_that_is_taken_is_named_and_no_wrong_setting(flag: str, silent: int, redis_url: str):
    with listening(redis_url, flag, silent) as process:
        _, log = process.communicate(timeout=40)
    lines = log.splitlines()
    taken, last = [each for each in lines if " port.taken " in each], lines[-1]
    assert len(taken) == 1, log
    assert process.returncode == 1
    for line in (taken[0], last):
        assert f"{flag}: cannot listen on 127.0.0.1:{silent}" in line
        assert "in use" in line


@pytest.mark.parametrize("flag", _PORTS)
def test_a_port_that_is_free_again_is_taken(flag: str, redis_url: str):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as other:
        # As an outgoing connection has a port that the kernel gave it.
        other.connect(server.getsockname())
        port = other.getsockname()[1]
        with listening(redis_url, flag, port) as process:
            assert process.stderr is not None
            _read_until(process.stderr, "port.taken")
            other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            other.close()
            assert f"port={port}" in _read_until(process.stderr, "port.free")
            process.terminate()
            process.stderr.read()
        assert process.returncode == 0


def test_a_signal_ends_the_wait_for_a_port(silent: int, redis_url: str):
    with listening(redis_url, "--port", silent) as process:
        assert process.stderr is not None
        _read_until(process.stderr, "port.taken")
        process.terminate()
        rest = process.stderr.read()
    assert process.returncode == 0
    assert "Traceback" not in rest


def test_an_address_of_another_machine_is_a_wrong_setting(redis_url: str):
    with listening(redis_url, "--port", free_ports(1)[0], "192.0.2.1") as process:
        _, log = process.communicate(timeout=40)
    assert process.returncode == 2
    assert "--port: cannot listen on 192.0.2.1:" in log


def _read_until(log: IO[str], text: str) -> str:
    return next(line for line in log if text in line)


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
