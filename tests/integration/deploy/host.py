"""The services of docker-compose.yml, run without containers: their commands, environments and
health checks as they stand there. A container is a process with a loopback address of its own;
ports are others than in the file, the same for all.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from callscribe.local.child import die_with_parent, free_ports
from callscribe.local.embedded_redis import find_server
from tests.conftest import ROOT, SMALLER_MODEL
from tests.integration.callscribe.processes import until
from tests.integration.deploy.names import NameServer
from tests.unit.deploy import compose

GRACE = 30.0
_PORTS = (6379, 8000, 43007, 43008, 9092, 2700, 9100, 9101)
_NUMBERS = re.compile(rf"\b({'|'.join(map(str, _PORTS))})\b")
_REDIS = re.compile(r"(?<=[@/])redis:(?=\d)")
_NETWORK = "127.77.0"
_PAUSE_S = 0.4
"""Between two health checks, each a process that takes time from those that are starting."""
_PROXY_SEEN_AS = "127.0.0.1"
SECRETS = "/run/secrets"
"""Where containers see files of the host's folder `deploy/secrets`."""


def _below(text: str, root: Path) -> str:
    return text.replace(SECRETS, f"{root}{SECRETS}")


class Container:
    """One process of a service, started and stopped as Docker does."""

    def __init__(self, host: "Host", service: str, number: int, address: str) -> None:
        self.service, self.address = service, address
        self.name = f"{service}-{number}"
        self._host = host
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def port(self) -> int:
        """Where its pages are."""
        return self._host.ports[8000 if self.service == "gateway" else 9100]

    @property
    def metrics_port(self) -> int:
        """Where it serves /metrics."""
        return self._host.ports[9101 if self.service == "gateway" else 9100]

    @property
    def root(self) -> Path:
        """What stands for / where the host's files are mounted."""
        return self._host.directory / "roots" / self.name

    def start(self) -> None:
        """Start its process."""
        command, env = self._host.program(self)
        own = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(self._host.home)}
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env={**own, **SMALLER_MODEL, **env},
                cwd=self._host.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=die_with_parent(),
            )

    def healthy(self) -> bool:
        """Run the service's own health check once; it cannot pass before the port is open."""
        assert self.runs, f"{self.name} ended: {self.log()}"
        with socket.socket() as client:
            if client.connect_ex((self.address, self.port)) != 0:
                return False
        _, _, option, program = self._host.services[self.service]["healthcheck"]["test"]
        program = self._host.moved(program).replace("127.0.0.1", self.address)
        check = subprocess.run([sys.executable, option, program], capture_output=True, check=False)
        return check.returncode == 0

    def stop(self) -> int:
        """Do as `docker stop`; return the exit code. Nothing of the service may be left."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(GRACE)
        with pytest.raises(ProcessLookupError):
            os.killpg(self._process.pid, 0)
        return code

    def kill(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        """Return what it wrote."""
        return self.log_path.read_text()

    @property
    def log_path(self) -> Path:
        """Where it is written to."""
        return self._host.directory / f"{self.name}.log"


class Host:
    """Runs what would run in containers; `scale` as of `docker compose up`.

    `commands`: what a service runs instead of `callscribe`; `variables`: of all services; `env`:
    what .env holds; `overrides`: further files of COMPOSE_FILE. `deploy/secrets` is that of
    `directory`, not the one beside docker-compose.yml.
    """

    def __init__(
        self,
        directory: Path,
        scale: Mapping[str, int],
        commands: Mapping[str, Sequence[str]],
        variables: Mapping[str, str],
        env: Mapping[str, str],
        overrides: Sequence[Path],
    ) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.home.mkdir()
        (directory / "valkey-server").symlink_to(find_server())
        self.file = compose.read(env, *overrides)
        named = compose.services(env, *overrides).items()
        self.services = {name: each for name, each in named if "profiles" not in each}
        self._env = env
        self.ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self._commands, self._variables = commands, variables
        self.containers: list[Container] = []
        for name in ("redis", *self.services):
            for number in range(scale.get(name, 1)):
                address = f"{_NETWORK}.{len(self.containers) + 10}"
                self.containers.append(Container(self, name, number + 1, address))
        self.names = NameServer(f"{_NETWORK}.1", self._addresses)

    def of(self, service: str) -> list[Container]:
        """Return the containers of a service."""
        return [each for each in self.containers if each.service == service]

    def moved(self, text: str) -> str:
        """Return a text with this host's ports in place of the file's."""
        return _NUMBERS.sub(lambda found: str(self.ports[int(found[1])]), text)

    def redis(self) -> redis.Redis:
        """Return a client that may do everything."""
        (server,) = self.of("redis")
        name, password = None, compose.PASSWORD
        if (own := self.directory / "deploy" / "secrets" / "redis" / "admin").exists():
            name, password = own.name, own.read_text().strip()
        return redis.Redis(server.address, self.ports[6379], username=name, password=password)

    def answers(self) -> bool:
        """Whether Redis does."""
        try:
            with self.redis() as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.BusyLoadingError):
            return False

    def program(self, container: Container) -> tuple[list[str], dict[str, str]]:
        """Return the command and the environment of a container."""
        self.mount(container.service, container.name)
        if container.service == "redis":
            return self._redis(container)
        service = self.services[container.service]
        env = self.environment(container.service, container.root)
        hosts = ("HOST", "ADMIN_HOST") if container.service == "gateway" else ("METRICS_HOST",)
        env |= {f"CALLSCRIBE_{host}": container.address for host in hosts}
        if container.service == "gateway":
            env["CALLSCRIBE_TRUSTED_PROXIES"] = _PROXY_SEEN_AS
        assert compose.image_entrypoint() == ["callscribe"]
        program = self._commands.get(container.service, ["callscribe", *service["command"]])
        return [sys.executable, "-m", *program], {
            **compose.image_environment(),
            **env,
            **self._variables,
        }

    def environment(self, name: str, root: Path) -> dict[str, str]:
        """Return what a service is given, with this host's Redis and its files below `root`."""
        given = compose.environment(self.file["services"][name], self._env)
        env = {key: _below(self.moved(value), root) for key, value in given.items()}
        (server,) = self.of("redis")
        url, found = _REDIS.subn(f"{server.address}:", env["CALLSCRIBE_REDIS_URL"])
        assert found == 1, url
        return {**env, "CALLSCRIBE_REDIS_URL": url}

    def mount(self, service: str, name: str) -> Path:
        """Make what stands for / of a container: the files that it would see, and no others."""
        root = self.directory / "roots" / name
        for target, source in compose.mounts(self.file, service).items():
            if target.startswith(SECRETS):
                link = Path(_below(target, root))
                link.parent.mkdir(parents=True, exist_ok=True)
                link.unlink(missing_ok=True)
                link.symlink_to(self.directory / source)
        return root

    def _redis(self, container: Container) -> tuple[list[str], dict[str, str]]:
        service: Any = self.file["services"]["redis"]
        data = self.directory / "data"
        data.mkdir(exist_ok=True)
        own = ["--port", str(self.ports[6379]), "--bind", container.address, "--dir", str(data)]
        path = f"{self.directory}:{os.environ['PATH']}"
        env = {**service["environment"], "HOSTNAME": container.address, "PATH": path}
        given = [_below(each, container.root) for each in service.get("command", ())]
        return [*service["entrypoint"], *given, *own], env

    def _addresses(self, name: str) -> list[str] | None:
        running = [each.address for each in self.of(name) if each.runs]
        return running or None

    def start(self) -> None:
        """Start everything and wait until it is healthy."""
        (server,) = self.of("redis")
        server.start()
        until(self.answers)
        # No service needs another but Redis to start, so that their order is any.
        others = [each for each in self.containers if each is not server]
        for each in others:
            each.start()
        for each in others:
            until(each.healthy, 60, _PAUSE_S)

    def close(self) -> None:
        """End everything."""
        for each in self.containers:
            each.kill()
        self.names.close()


@contextmanager
def running_host(
    directory: Path,
    *,
    scale: Mapping[str, int] | None = None,
    commands: Mapping[str, Sequence[str]] | None = None,
    variables: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    overrides: Sequence[Path] = (),
) -> Iterator[Host]:
    """Start a host with these numbers of containers; see it ended on leaving."""
    host = Host(directory, scale or {}, commands or {}, variables or {}, env or {}, overrides)
    with ExitStack() as resources:
        resources.callback(host.close)
        host.start()
        yield host


def transcribe(host: Host, path: Path) -> list[dict[str, object]]:
    """Send a recording to the only gateway with our command; return the events."""
    (gateway,), (asr,) = host.of("gateway"), host.of("asr")
    url = f"ws://{gateway.address}:{gateway.port}/ws/asr"
    command = [sys.executable, "-m", "callscribe", "transcribe", str(path)]
    command += ["--format", "jsonl", "--url", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr + gateway.log() + asr.log()
    return [json.loads(line) for line in done.stdout.splitlines()]
