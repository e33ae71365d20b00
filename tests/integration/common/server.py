"""A Redis server of a test's own: to be frozen, cut, filled up, restarted."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

import redis

from callscribe.local.child import die_with_parent, free_ports
from callscribe.local.embedded_redis import find_server


class Server:
    """A server on a port that stays the same over restarts; keeps data only with `aof`.

    Start it from the main thread: it dies with the thread that started it.
    """

    def __init__(self, directory: Path, *options: str, aof: bool = False, password: str = ""):
        (self.port,) = free_ports(1)
        self._options = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        self._options += ["--dir", str(directory), "--appendonly", "yes" if aof else "no"]
        self._options += ["--requirepass", password] if password else []
        self._options += options
        self._log = directory / "log"
        self._process: subprocess.Popen[bytes]
        self.client = redis.Redis(port=self.port, password=password or None)

    @property
    def url(self) -> str:
        """Where it is, without a password."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [find_server(), *self._options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(),
            )
        end = time.monotonic() + 10
        while True:
            try:
                self.client.ping()
            except (redis.ConnectionError, redis.BusyLoadingError):
                assert self._process.poll() is None, self._log.read_text()
                assert time.monotonic() < end, "Redis does not answer"
                time.sleep(0.01)
            else:
                return

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it, even if it is frozen."""
        self.client.close()
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Let it neither answer nor hang up."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._process.pid, signal.SIGCONT)

    def fill(self) -> None:
        """Leave no room for any write that needs memory."""
        self.client.config_set("maxmemory", 1)

    def make_room(self) -> None:
        """Take the limit away."""
        self.client.config_set("maxmemory", 0)

    def cut(self, name: str) -> int:
        """Kill the connections of this name; return how many there were."""
        ids = [each["id"] for each in self.client.client_list() if each["name"] == name]
        return sum(self.client.client_kill_filter(_id=each) for each in ids)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
