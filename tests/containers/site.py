"""A clone of the checkout in which the documents' commands are run, as its users run them."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from callscribe.local.child import free_ports
from tests.conftest import ROOT
from tests.containers.engine import Engine
from tests.containers.images import VARIABLES, write_override
from tests.integration.callscribe.processes import until
from tests.unit.deploy import compose

_PATIENCE = 180
"""Seconds that a condition may take on a machine that has other work: no measure of anything."""
_BUSY = {
    "CALLSCRIBE_ASR_LOAD": "0",
    "CALLSCRIBE_PARTIAL_CADENCE_S": "5",
    # With it a text depends on whether the final before it was there yet, and so on deaths.
    "CALLSCRIBE_ASR_MULTILINGUAL": "false",
}
"""On a machine that has other work nobody is sent away, and ten callers are heard in time."""
_PORTS = re.compile(r"\$\{(\w+_PORT):-(\d+)\}:\d+")
_COMMANDS = ("docker-compose.yml", "docs/compose.md", "docs/tls.md")


@dataclass(frozen=True)
class Container:
    """A container as it was when it was listed."""

    name: str
    service: str
    state: Mapping[str, Any]
    """What `docker inspect` shows."""

    @property
    def healthy(self) -> bool:
        """Whether it runs, and is healthy if it can tell."""
        state = self.state["State"]
        return bool(state["Running"]) and state.get("Health", {}).get("Status") in (None, "healthy")


class Site:
    """The clone, and what runs there.

    `files` are those of COMPOSE_FILE that a document adds.
    """

    def __init__(self, engine: Engine, folder: Path, files: Sequence[Path] = ()) -> None:
        self.engine, self.folder = engine, folder
        folder.mkdir(exist_ok=True)
        self._clone()
        self.sh('echo "REDIS_PASSWORD=$(openssl rand -hex 24)" >>.env')
        texts = [path.read_text() for path in (compose.FILE, *compose.included())]
        names = sorted({found[1] for text in texts for found in _PORTS.finditer(text)})
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        write_override(engine, folder / "override.yml", *files)
        self.say({"COMPOSE_FILE": "docker-compose.yml:override.yml", **VARIABLES})
        self.say({**{name: str(port) for name, port in self.ports.items()}, **_BUSY})

    def _clone(self) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in {*filter(None, listed.stdout.decode().split("\0"))}:
            if (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.folder / name, follow_symlinks=False)

    def say(self, variables: Mapping[str, str]) -> None:
        """Add lines to .env; the last of a name holds."""
        with (self.folder / ".env").open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in variables.items())

    @property
    def password(self) -> str:
        """Of Redis."""
        said = re.findall(r"^REDIS_PASSWORD=(\w+)$", (self.folder / ".env").read_text(), re.M)
        return str(said[-1])

    def sh(self, command: str, *more: str, check: bool = True) -> str:
        """Run a command that one of the documents has; `more` follows it, and is ours."""
        assert command in _text(), f"no document says: {command}"
        return self.run(" ".join([command, *more]), check=check)

    def block(self, first: str) -> None:
        """Run a document's block of commands, by how it begins; our file is the last of Compose."""
        (text,) = re.findall(rf"```sh\n({re.escape(first)}.*?)```", _text(), re.DOTALL)
        self.run(re.sub(r"(COMPOSE_FILE=[^\"]+)", r"\1:override.yml", text))

    def run(self, command: str, *, check: bool = True) -> str:
        """Run a shell's command in the clone; return what it prints."""
        done = subprocess.run(
            ["sh", "-euc", command],
            cwd=self.folder,
            env=self.engine.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr[-4000:]}"
        return done.stdout if check else done.stdout + done.stderr

    def compose(self, *words: str) -> str:
        """Run `docker compose` with these words in the clone."""
        return self.run(" ".join(["docker", "compose", *words]))

    def up(self, command: str, *more: str) -> float:
        """Run a document's `docker compose up`; return the seconds until all of it was healthy."""
        began = time.monotonic()
        try:
            self.sh(command, *more)
            self.wait_healthy()
        except AssertionError as error:
            ill = [each for each in self.containers() if not each.healthy]
            raise AssertionError(
                "\n".join([str(error)[-1000:], *(f"{e.name}: {self.last_words(e)}" for e in ill)])
            ) from None
        return time.monotonic() - began

    def last_words(self, container: Container) -> str:
        """Return the last lines that a container has written."""
        done = self.engine.run("logs", "--tail", "15", container.name)
        return done.stdout + done.stderr

    def containers(self, service: str | None = None) -> list[Container]:
        """Return the containers that there are, of one service or all."""
        ids = self.engine.lines("ps", "--all", "--quiet", "--no-trunc")
        if not ids:
            return []
        found = []
        for state in json.loads(self.engine.run("inspect", *ids).stdout):
            name = state["Config"]["Labels"]["com.docker.compose.service"]
            if service in (None, name):
                found.append(Container(state["Name"].lstrip("/"), name, state))
        return sorted(found, key=lambda each: each.name)

    def wait_healthy(self) -> None:
        """Wait until all that should run is healthy."""
        until(self._all_healthy, _PATIENCE)

    def _all_healthy(self) -> bool:
        return all(
            each.healthy
            for each in self.containers()
            if each.state["HostConfig"]["RestartPolicy"]["Name"] != "no"
        )

    def request(
        self, port: str, path: str, *, address: str = "127.0.0.1", **headers: str
    ) -> tuple[int, str]:
        """Return the status and the body of a page at one of the published ports."""
        connection = HTTPConnection(address, self.ports[port], timeout=20)
        try:
            connection.request("GET", path, headers=headers)
            answer: HTTPResponse = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def logs(self, service: str) -> str:
        """Return the last lines of a service's containers."""
        return self.compose("logs", "--no-color", "--tail", "200", service)

    def close(self) -> None:
        """Remove everything that Compose made here."""
        networks = self.engine.lines("network", "ls", "--no-trunc", "--quiet")
        self.compose("--profile", "'*'", "down", "--volumes", "--timeout", "5")
        assert not any(self.engine.left().values()), self.engine.left()
        assert not {f"br-{each[:12]}" for each in networks} & {*os.listdir("/sys/class/net")}


def _text() -> str:
    return "\n".join((ROOT / each).read_text() for each in _COMMANDS)
