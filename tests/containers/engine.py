"""A Docker Engine of the tests' own, beside any other that this machine may run.

It touches neither the packet filter nor forwarding: containers reach each other and nothing else,
and a published port is a process that listens at its address. Builds use the host's network.
"""

import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from callscribe.local.child import die_with_parent
from tests.containers.roots import CACHE, compose_plugin
from tests.integration.callscribe.processes import until

_PROGRAMS = ("dockerd", "unshare", "docker", "mmdebstrap", "apt-get", "dpkg-deb")
_RELEASES = ("12", "13")
_LIMIT = 20_000
"""Open files of a container at most, where this machine allows as many."""
_KEPT = "4GB"
"""What builds keep from run to run, at most."""


def why_not() -> str | None:
    """Return a sentence that says why this machine cannot run an engine; None if it can."""
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    if system.get("ID") != "debian" or system.get("VERSION_ID") not in _RELEASES:
        return "These tests make their images of Debian's packages, on Debian 12 or 13."
    if os.geteuid() != 0:
        return "These tests start a Docker Engine, which needs root."
    if missing := [each for each in _PROGRAMS if shutil.which(each) is None]:
        more = " docker-cli" if system["VERSION_ID"] == "13" else ""
        return f"These tests need {', '.join(missing)}: apt-get install docker.io{more} mmdebstrap."
    return None


class Engine:
    """A running engine; with the environment `env` the command `docker` speaks with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        # Debian's own where another is before it on the PATH: it is the engine's twin.
        own = Path("/usr/bin/docker")
        tools, config = folder / "bin", folder / "client"
        tools.mkdir()
        (tools / "docker").symlink_to(own if own.exists() else str(shutil.which("docker")))
        (config / "cli-plugins").mkdir(parents=True)
        (config / "cli-plugins" / "docker-compose").symlink_to(compose_plugin())
        self.env: Mapping[str, str] = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "HOME": str(folder),
            "DOCKER_HOST": f"unix://{folder}/socket",
            "DOCKER_CONFIG": str(config),
            "DOCKER_BUILDKIT": "1",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def open_files(self) -> int:
        """How many open files a container may have."""
        return min(_LIMIT, self._hard)

    def start(self) -> None:
        """Start it and wait until it answers."""
        config = {
            "data-root": str(CACHE / "engine"),
            "exec-root": str(self._folder / "exec"),
            "pidfile": str(self._folder / "pid"),
            "hosts": [self.env["DOCKER_HOST"]],
            # What an engine of the machine has in the same containerd is not this one's.
            "containerd-namespace": "callscribe",
            "containerd-plugins-namespace": "callscribe-plugins",
            "bridge": "none",
            "iptables": False,
            "ip6tables": False,
            "ip-forward": False,
            "ip-masq": False,
            "storage-driver": "overlay2",
            "default-ulimits": {
                "nofile": {"Name": "nofile", "Soft": 1024, "Hard": self.open_files}
            },
        }
        file = self._folder / "daemon.json"
        file.write_text(json.dumps(config))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                # For a container that sees the host's file systems: systemd shares them.
                ["unshare", "--mount", "--propagation", "shared", "dockerd", "--config-file", file],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=die_with_parent(),
            )
        until(self._answers, 60)
        self.clear()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        return self.run("version", check=False).returncode == 0

    def run(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run `docker` with these words."""
        command = [str(self._folder / "bin" / "docker"), *words]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done

    def lines(self, *words: str) -> list[str]:
        """Return the lines that `docker` prints."""
        return self.run(*words).stdout.splitlines()

    def left(self) -> dict[str, list[str]]:
        """Return the containers, networks and volumes that there are, but for the engine's own."""
        own = {"bridge", "host", "none"}
        return {
            "containers": self.lines("ps", "--all", "--format", "{{.Names}}"),
            "networks": [
                each
                for each in self.lines("network", "ls", "--format", "{{.Name}}")
                if each not in own
            ],
            "volumes": self.lines("volume", "ls", "--quiet"),
        }

    def clear(self) -> None:
        """Remove what a run that was interrupted has left."""
        left = self.left()
        if containers := left["containers"]:
            self.run("rm", "--force", "--volumes", *containers)
        for kind in ("network", "volume"):
            if names := left[f"{kind}s"]:
                self.run(kind, "rm", *names)

    def stop(self) -> None:
        """End it; see that nothing of it is left but what builds keep."""
        if self._process is not None and self._process.poll() is None:
            self.clear()
            self.run("image", "prune", "--force")
            # Debian 13 has no buildx, which the command would ask otherwise.
            self.env = {**self.env, "DOCKER_BUILDKIT": "0"}
            self.run("builder", "prune", "--force", "--keep-storage", _KEPT)
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def running_engine() -> Iterator[Engine]:
    """Start an engine; see it ended on leaving."""
    # A socket's path may have 107 characters.
    engine = Engine(Path(tempfile.mkdtemp(prefix="callscribe-engine-")))
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
