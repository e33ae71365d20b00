"""A PostgreSQL server of the tests' own, Debian's, which can be stopped and started."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from callscribe.local.child import die_with_parent, free_ports

_INSTALLED = Path("/usr/lib/postgresql")
_USER = "nobody"
"""Who runs it where the tests are root's: it refuses root."""


def programs() -> Path | None:
    """Return the folder of the newest PostgreSQL that is installed; None if there is none."""
    found = sorted(_INSTALLED.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Database:
    """A server on a free port of this machine; `url` is that of its database."""

    def __init__(self, folder: Path, bin: Path) -> None:
        self._folder = folder
        self._bin = bin
        (self.port,) = free_ports(1)
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(folder, _USER)
        where = ("--pgdata", str(folder / "data"), "--username", "postgres", "--auth", "trust")
        subprocess.run(
            self._command("initdb", *where, "--no-sync"), check=True, capture_output=True
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        where = ("-D", str(self._folder / "data"), "-p", str(self.port), "-k", str(self._folder))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command("postgres", *where, "-h", "127.0.0.1"),
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(),
            )
        ready = self._command("pg_isready", "-h", "127.0.0.1", "-p", str(self.port))
        deadline = time.monotonic() + 60
        while subprocess.run(ready, capture_output=True, check=False).returncode:
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it without waiting for those that are connected."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def _command(self, program: str, *arguments: str) -> list[str]:
        command = [str(self._bin / program), *arguments]
        if os.geteuid() != 0:
            return command
        return ["setpriv", f"--reuid={_USER}", "--clear-groups", *command]
