"""The services of docker-compose.yml, run without containers: their commands, environments and
health checks as they stand there, only with other ports and addresses.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from importlib.resources import as_file, files
from pathlib import Path

import pytest
import redis

from callscribe.commands.stack_flags import usual_ports
from callscribe.local.child import die_with_parent, free_ports
from callscribe.local.embedded_redis import find_server
from tests.integration.callscribe.processes import until
from tests.unit.deploy import compose

GRACE = 30.0


class Host:
    """Runs what would run in containers, each service at free ports of this machine."""

    def __init__(self, directory: Path) -> None:
        self.services = {
            name: each for name, each in compose.services({}).items() if "profiles" not in each
        }
        (self.redis_port,) = free_ports(1)
        self.ports = dict(zip(self.services, free_ports(len(self.services)), strict=True))
        self._directory = directory
        self.home = directory / "home"
        self.home.mkdir()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start_redis(self) -> None:
        _, *options = compose.read({})["services"]["redis"]["command"]
        own = ["--port", str(self.redis_port), "--bind", "127.0.0.1", "--dir", "."]
        self._start("redis", [find_server(), *options, *own], {})

    def start(self, name: str) -> None:
        service = self.services[name]
        env = compose.environment(service, {})
        assert env["CALLSCRIBE_REDIS_URL"] == "redis://redis:6379/0"
        env["CALLSCRIBE_REDIS_URL"] = f"redis://127.0.0.1:{self.redis_port}/0"
        variable = "CALLSCRIBE_PORT" if name == "gateway" else "CALLSCRIBE_METRICS_PORT"
        env[variable] = str(self.ports[name])
        if name == "gateway":
            env |= dict.fromkeys(usual_ports(), "0")
        assert compose.image_entrypoint() == ["callscribe"]
        command = [sys.executable, "-m", "callscribe", *service["command"]]
        self._start(name, command, {**compose.image_environment(), **env})

    def healthy(self, name: str) -> bool:
        """Run the service's own health check once."""
        process = self.processes[name]
        assert process.poll() is None, f"{name} ended with {process.returncode}: {self.log(name)}"
        _, _, option, program = self.services[name]["healthcheck"]["test"]
        port = f'"127.0.0.1", {self.ports[name]}'
        program = re.sub(r'"127\.0\.0\.1", \d+', port, program)
        check = subprocess.run([sys.executable, option, program], capture_output=True, check=False)
        return check.returncode == 0

    def answers(self) -> bool:
        try:
            with redis.Redis(port=self.redis_port) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def log(self, name: str) -> str:
        return self._log_path(name).read_text()

    def stop(self, name: str) -> int:
        """Do as `docker stop`; return the exit code. Nothing of the service may be left."""
        process = self.processes[name]
        process.send_signal(signal.SIGTERM)
        code = process.wait(GRACE)
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
        return code

    def kill(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _start(self, name: str, command: list[str], env: dict[str, str]) -> None:
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home), **env}
        with self._log_path(name).open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command,
                env=env,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=die_with_parent(),
            )

    def _log_path(self, name: str) -> Path:
        return self._directory / f"{name}.log"


@contextmanager
def running_host(directory: Path) -> Iterator[Host]:
    host = Host(directory)
    with ExitStack() as resources:
        resources.callback(host.kill)
        host.start_redis()
        until(host.answers)
        # No service needs another but Redis to start, so that their order is any.
        for name in host.services:
            host.start(name)
        for name in host.services:
            until(partial(host.healthy, name), 60)
        yield host


def transcribe(host: Host, path: Path) -> list[dict[str, object]]:
    url = f"ws://127.0.0.1:{host.ports['gateway']}/ws/asr"
    command = [sys.executable, "-m", "callscribe", "transcribe", str(path)]
    command += ["--format", "jsonl", "--url", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr + host.log("gateway") + host.log("asr")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_composed_services_transcribe_a_call_and_end_well(tmp_path):
    samples = files("pytest_audioeval") / "samples" / "audio" / "en"
    with running_host(tmp_path) as host:
        with as_file(samples / "quick_brown_fox.wav") as path:
            events = transcribe(host, path)
        text = " ".join(str(event["text"]) for event in events if event["type"] == "final")
        assert re.findall(r"\w+", text.lower()) == [
            *("the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog")
        ]

        scraped = dict(compose.scrape_targets())
        for name in host.services:
            assert scraped[name]
            assert f'callscribe_build_info{{service="{name}"' in metrics(host.ports[name])

        with redis.Redis(port=host.redis_port) as client:
            assert client.config_get("appendonly") == {"appendonly": "yes"}
            assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
            assert client.config_get("stream-node-max-bytes") == {"stream-node-max-bytes": "16384"}

        # Compose stops a service before those that it depends on.
        order = ["gateway", *(host.services.keys() - {"gateway"}), "redis"]
        assert {name: host.stop(name) for name in order} == dict.fromkeys(order, 0)
        assert not list(host.home.iterdir())  # where it is read-only in a container
        for name in host.services:
            for line in host.log(name).splitlines():
                assert json.loads(line)["level"] != "error"


def metrics(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.status == 200
    page = answer.read().decode()
    connection.close()
    return page
