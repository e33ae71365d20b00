"""The examples as processes, and a gateway that also listens for AudioSocket."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from callscribe.local.child import free_ports
from tests.integration.conftest import RunningStack
from tests.integration.examples.workshop import Workshop
from tests.integration.pipeline.calls import sample_call
from tests.integration.pipeline.services import Service, service

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"
AGENT, CALLER = 0, 1


@dataclass(frozen=True)
class Place:
    """A gateway of the stack, and its ports for AudioSocket and for raw audio over TCP."""

    gateway: Service
    audiosocket: int
    stream: int

    @property
    def http(self) -> str:
        """Its address for HTTP."""
        return f"http://127.0.0.1:{self.gateway.port}"

    @property
    def ws(self) -> str:
        """Its address for WebSockets, without a path."""
        return f"ws://127.0.0.1:{self.gateway.port}"


@pytest.fixture(scope="module")
def place(stack: RunningStack) -> Iterator[Place]:
    """A gateway that all tests of a file share."""
    audiosocket, stream = free_ports(2)
    ports = "--audiosocket-port", str(audiosocket), "--stream-port", str(stream)
    with service("gateway", stack.redis_url, *ports) as running:
        running.wait_ready()
        yield Place(running, audiosocket, stream)


@pytest.fixture
def workshop(place: Place, tmp_path: Path) -> Workshop:
    """A folder for a document's commands, whose server is `place`."""
    folder = tmp_path / "workshop"
    folder.mkdir()
    return Workshop(folder, {8000: place.gateway.port, 43007: place.stream})


Start = Callable[..., AbstractContextManager["subprocess.Popen[str]"]]


@pytest.fixture
def start() -> Start:
    """Return a context manager that runs an example, whose standard output can be read."""

    @contextmanager
    def running(name: str, *arguments: str | Path) -> "Iterator[subprocess.Popen[str]]":
        command: list[str | Path] = [sys.executable, EXAMPLES / name, *arguments]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "no_proxy": "127.0.0.1"}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        assert process.stdout is not None
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    return running


@pytest.fixture
def run(start: Start) -> Callable[..., str]:
    """Return a function that runs an example to its end and returns what it printed."""

    def until_it_ends(name: str, *arguments: str | Path) -> str:
        with start(name, *arguments) as process:
            printed, _ = process.communicate(timeout=90)
            assert process.returncode == 0
            return str(printed)

    return until_it_ends


@pytest.fixture
def recording(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a stretch of the sample call, 8 kHz, as a WAV file."""

    def write(begin: float, end: float, channel: int | None = None) -> Path:
        audio = sample_call(end)[round(begin * 8_000) :]
        path = tmp_path / "call.wav"
        soundfile.write(path, audio if channel is None else audio[:, channel], 8_000)
        return path

    return write


def plain(text: str) -> str:
    """Return a text without case and punctuation."""
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))
