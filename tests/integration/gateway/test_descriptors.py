"""A process that may open few files: it says so, and its probes are answered."""

import contextlib
import http.client
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from callscribe.local.child import free_ports
from tests.integration.callscribe.processes import until
from tests.integration.conftest import page

FEW = 64


class Started(NamedTuple):
    """A process, and the port of its pages."""

    port: int
    pid: int


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def start(redis_url: str, log: Path) -> Iterator[Callable[..., Started]]:
    """Start a service that may open few files."""
    with contextlib.ExitStack() as leaving:

        def start(name: str, limit: str) -> Started:
            (port,) = free_ports(1)
            at = ["--host", "127.0.0.1", "--port"] if name == "gateway" else ["--metrics-port"]
            command = ["prlimit", f"--nofile={limit}", sys.executable, "-m", "callscribe", name]
            command += ["--redis-url", redis_url, *at, str(port)]
            written = leaving.enter_context(log.open("wb"))
            process = leaving.enter_context(subprocess.Popen(command, stderr=written))
            leaving.callback(process.kill)
            until(lambda: health(port) == 200)
            return Started(port, process.pid)

        yield start


def health(port: int) -> int:
    try:
        return page(port, "/health")[0]
    except (OSError, http.client.HTTPException):
        return 0


def fill(url: str, clients: contextlib.ExitStack) -> InvalidStatus:
    """Open connections until one is refused; return how."""
    while True:
        try:
            clients.enter_context(connect(url, proxy=None))
        except InvalidStatus as refused:
            return refused


@pytest.mark.parametrize("name", ["gateway", "vad"])
def test_the_limit_is_raised_as_far_as_it_goes(name: str, start, log: Path):
    pid = start(name, "64:4096").pid
    assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (4096, 4096)
    assert "process.few_descriptors" not in log.read_text()


def test_a_limit_that_is_too_low_for_the_calls_is_told_with_both_numbers(start, log: Path):
    start("gateway", f"{FEW}:{FEW}")
    said = "756 open files may be needed, and the hard limit is 64"
    assert log.read_text().count(said) == 1


def test_the_last_files_of_a_gateway_are_for_probes(start, log: Path):
    port = start("gateway", f"{FEW}:{FEW}").port
    url = f"ws://127.0.0.1:{port}/ws/asr"
    with contextlib.ExitStack() as clients:
        assert fill(url, clients).response.status_code == 503
        for _ in range(3):
            assert health(port) == 200
            assert page(port, "/ready")[0] == 503
        # Peers that say nothing may take the rest, for a second each.
        for _ in range(FEW):
            clients.enter_context(socket.create_connection(("127.0.0.1", port)))
        until(lambda: health(port) == 200)
        assert log.read_text().count("process.no_descriptors") == 1
    until(lambda: "process.descriptors_free" in log.read_text() or not health(port))
    with connect(url, proxy=None):
        pass


def test_a_worker_without_files_answers_its_probes(start, log: Path):
    port = start("vad", f"{FEW}:{FEW}").port
    with contextlib.ExitStack() as clients:
        for _ in range(FEW):
            clients.enter_context(socket.create_connection(("127.0.0.1", port)))
        until(lambda: "process.no_descriptors" in log.read_text())
        until(lambda: health(port) == 200)
        assert log.read_text().count("process.no_descriptors") == 1
    until(lambda: health(port) == 200 and "process.descriptors_free" in log.read_text())
    assert "Traceback" not in log.read_text()
