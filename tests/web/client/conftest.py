"""The JavaScript client in Node, against the real stack; skipped where a tool is missing."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from tests.conftest import ROOT

CLIENTS = ROOT / "clients"
DRIVER = Path(__file__).with_name("driver.mjs")
LIMIT = 90.0
"""Seconds that a program in Node may take."""


@pytest.fixture(scope="session")
def node() -> str:
    """The path of Node; the client's dependencies are there and its modules are built."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no Node: install Node 20 with npm")
    if not (CLIENTS / "node_modules" / ".package-lock.json").is_file():
        pytest.skip("the packages are not installed: npm --prefix clients ci")
    build = [npm, "run", "build", "--workspace", "js"]
    subprocess.run(build, cwd=CLIENTS, check=True, capture_output=True, timeout=LIMIT)
    return node


class Program:
    """A program in Node, and the events that it tells."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.events: list[tuple[str, Any]] = []

    def do(self, method: str, *values: object) -> None:
        """Have it call a method of its call."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{json.dumps([method, *values])}\n")
        self.process.stdin.flush()

    def until(self, *names: str) -> Any:
        """Read to the next event of one of these names; return its value."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told = json.loads(line)
            self.events.append((told["event"], told["value"]))
            if told["event"] in names:
                return told["value"]
        raise AssertionError(f"the program ended before {names}; told: {self.events[-5:]}")

    def all(self, name: str) -> list[Any]:
        """Return the values of the events of this name that were read."""
        return [value for event, value in self.events if event == name]

    def texts(self) -> list[tuple[int, int, float, float, str]]:
        """Return everything of the finals that must not depend on the network."""
        finals = self.all("final")
        assert [each["seq"] for each in finals] == sorted({each["seq"] for each in finals})
        assert self.all("gap") == []
        return sorted(
            (f["channel"], f["utterance"], f["start"], f["end"], f["text"]) for f in finals
        )


Drive = Callable[..., AbstractContextManager[Program]]


@pytest.fixture
def drive(node: str) -> Drive:
    """Return a context manager that starts a call of the JavaScript client; see driver.mjs."""

    @contextmanager
    def start(url: str | list[str], **job: Any) -> Iterator[Program]:
        arguments = json.dumps({"url": url, **job})
        process = subprocess.Popen(
            [node, "--expose-gc", DRIVER, arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "no_proxy": "127.0.0.1"},
        )
        # Ends the program, and so the test's reading, when it hangs.
        limit = Timer(LIMIT, process.kill)
        limit.start()
        try:
            yield Program(process)
        finally:
            limit.cancel()
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                stream.close()

    return start


@pytest.fixture(scope="session")
def project(node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that has installed the tarball of the package."""
    folder = tmp_path_factory.mktemp("project")
    npm = shutil.which("npm")
    assert npm is not None
    pack = [npm, "pack", "--workspace", "js", "--pack-destination", str(folder)]
    subprocess.run(pack, cwd=CLIENTS, check=True, capture_output=True, timeout=LIMIT)
    (tarball,) = folder.glob("callscribe-*.tgz")
    (folder / "package.json").write_text('{"name": "project", "private": true, "type": "module"}')
    install = [npm, "install", "--offline", "--no-audit", "--no-fund", "--legacy-peer-deps"]
    subprocess.run(
        [*install, f"./{tarball.name}"], cwd=folder, check=True, capture_output=True, timeout=LIMIT
    )
    modules = folder / "node_modules"
    # What it does without, or what a project has of its own.
    for name in ("react", "react-dom", "scheduler", "ws", "@types", "csstype", "undici-types"):
        (modules / name).symlink_to(CLIENTS / "node_modules" / name)
    return folder
