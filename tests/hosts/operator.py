"""The person who sets the hosts up: a shell in a copy of this clone, and a key to each host."""

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import ROOT

_SSH = """\
#!/bin/sh
exec /usr/bin/ssh -F {config} "$@"
"""
_CONFIG = """\
Host *
    BatchMode yes
    IdentityFile {key}
    LogLevel ERROR
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
"""


class Operator:
    """Runs commands as a page prints them, and notes how long each took."""

    def __init__(self, directory: Path) -> None:
        self.clone = directory / "clone"
        self._programs = directory / "bin"
        self._key = directory / "key"
        self._config = directory / "ssh_config"
        self.log: list[tuple[str, float]] = []
        """The beginning of each command, and its seconds."""
        self.said: list[str] = []
        """What the commands wrote."""
        self._programs.mkdir(parents=True)
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._key)], check=True
        )
        self._copy()

    def _copy(self) -> None:
        """Copy what git knows or would know."""
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
        self.clone.mkdir()
        copy = ["xargs", "--null", "cp", "--parents", "--target-directory", str(self.clone)]
        subprocess.run(copy, input=names, cwd=ROOT, check=True)

    @property
    def public_key(self) -> str:
        """What a host must know to let this person in."""
        return self._key.with_suffix(".pub").read_text()

    def meet(self, addresses: Mapping[str, str]) -> None:
        """Learn where hosts are, by their names."""
        places = "".join(f"Host {name}\n    HostName {at}\n" for name, at in addresses.items())
        self._config.write_text(places + _CONFIG.format(key=self._key))
        ssh = self._programs / "ssh"
        ssh.write_text(_SSH.format(config=self._config))
        ssh.chmod(0o755)

    def run(self, command: str, timeout: float) -> str:
        """Run a command in the clone; return what it wrote. It may not fail."""
        # Debian's own Python, as the hosts have it.
        path = f"{self._programs}:/usr/sbin:/usr/bin:/sbin:/bin"
        env = {key: value for key, value in os.environ.items() if not key.startswith("CALLSCRIBE_")}
        began = time.monotonic()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.clone,
            env={**env, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        self.log.append((command.partition("\n")[0][:70], time.monotonic() - began))
        self.said.append(done.stdout)
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}"
        return done.stdout
