"""Single services as processes, to be killed, and a Redis that keeps what it was given."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from callscribe.local.child import free_ports
from callscribe.local.embedded_redis import find_server
from tests.integration.callscribe.processes import until
from tests.integration.conftest import page
from tests.integration.forks import ONE_THREAD, Fork, fork
from tests.real_redis import guard


class Service:
    """One process of `callscribe`, and where its pages are."""

    def __init__(
        self,
        name: str,
        redis_url: str,
        *flags: str,
        stderr: IO[bytes] | None = None,
        tree: Path | None = None,
    ) -> None:
        self.name = name
        (self.port,) = free_ports(1)
        where = "--host", "127.0.0.1", "--port", str(self.port)
        if name == "gateway":
            # What a busy machine measures must not send tests away.
            flags = "--asr-load", "0", *flags
        else:
            where = "--metrics-host", "127.0.0.1", "--metrics-port", str(self.port)
        arguments = [name, "--redis-url", redis_url, *where, "--drain-s", "3", *flags]
        self.process: subprocess.Popen[bytes] | Fork
        if tree is None:
            self.process = fork("callscribe", *arguments, stderr=stderr)
        else:
            env = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(tree)}
            # Another release may not know it, and refuses to start.
            env.pop("CALLSCRIBE_ASR_MULTILINGUAL", None)
            command = [sys.executable, "-m", "callscribe", *arguments]
            self.process = subprocess.Popen(command, env=env, stderr=stderr, cwd=tree)

    @property
    def url(self) -> str:
        """The native protocol's address."""
        return f"ws://127.0.0.1:{self.port}/ws/asr"

    def page(self, path: str) -> tuple[int, str]:
        """Return status and body of one of the pages; status 0 while nothing answers."""
        try:
            return page(self.port, path)
        except OSError:
            return 0, ""

    def wait_ready(self) -> None:
        """Wait until it can take work."""
        until(lambda: self.page("/ready")[0] == 200)

    def kill(self) -> None:
        """End it as a machine that loses its power does."""
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        """Ask it to end; return its exit code."""
        self.process.terminate()
        return self.process.wait(20)


@contextmanager
def service(
    name: str,
    redis_url: str,
    *flags: str,
    stderr: IO[bytes] | None = None,
    tree: Path | None = None,
) -> Iterator[Service]:
    """Start a service and see it ended on leaving; `stderr` gets its log.

    `tree`: the sources of another release, if it is not to be this one.
    """
    running = Service(name, redis_url, *flags, stderr=stderr, tree=tree)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.end()


class LastingRedis:
    """A Redis with AOF, the documented production setting: it can be killed and come back."""

    def __init__(self, directory: Path) -> None:
        (self.port,) = free_ports(1)
        self._directory = directory
        self._guard = guard(directory)
        self.start()

    @property
    def url(self) -> str:
        """Where clients find it."""
        return self._guard.url(self.port)

    def start(self) -> None:
        """Start it, on the data of its former life, and wait until it answers."""
        options = {
            **{"bind": "127.0.0.1", "dir": str(self._directory)},
            **{"save": "", "appendonly": "yes", "appendfsync": "everysec"},
            **self._guard.options(self.port),
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        with Path(self._directory, "log").open("ab") as log:
            self._process = subprocess.Popen([find_server(), *flags], stdout=log, stderr=log)
        until(lambda: self._guard.answers(self.port))

    def denials(self) -> list[object]:
        """Return what was refused for want of a right since it started."""
        return self._guard.denials(self.port)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def pause(self, seconds: float) -> None:
        """Keep it from running for a while; its sockets stay open and silent."""
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def lasting_redis(directory: Path) -> Iterator[LastingRedis]:
    """Start a Redis with AOF in a directory and kill it on leaving."""
    redis = LastingRedis(directory)
    try:
        yield redis
        assert redis.denials() == [], "a service lacks a right"
    finally:
        redis.kill()
