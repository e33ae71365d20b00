"""The services of deploy/compose/monitoring.yml without containers: Debian's programs with the
commands, variables and files as they stand, only with other addresses and paths.
"""

import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from callscribe.local.child import die_with_parent, free_ports
from tests.conftest import ROOT
from tests.drills.monitoring import get
from tests.integration.callscribe.processes import until
from tests.integration.deploy.host import Host
from tests.unit.deploy import compose

ADDRESS = "127.77.0.8"
PROGRAMS = {
    "prometheus": ("prometheus", "--web.listen-address="),
    "alertmanager": ("prometheus-alertmanager", "--web.listen-address="),
    "redis-exporter": ("prometheus-redis-exporter", "-web.listen-address="),
    "node-exporter": ("prometheus-node-exporter", "--web.listen-address="),
}
"""Debian's program for each service that has one, and its flag for the address."""
_PAGES = {"redis-exporter": "/health", "node-exporter": "/"}
"""What answers when a service is ready, where that is not Prometheus's own page."""


class Monitoring:
    """The services, each at a port of `ADDRESS`, beside a host's containers."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._ports = dict(zip(PROGRAMS, free_ports(len(PROGRAMS)), strict=True))

    def url(self, service: str) -> str:
        """Return where a service is."""
        return f"http://{ADDRESS}:{self._ports[service]}"

    def start(self, service: str) -> "subprocess.Popen[bytes]":
        """Start a service."""
        program, flag = PROGRAMS[service]
        own: Mapping[str, Any] = self._host.file["services"][service]
        folder = self._host.directory / service
        folder.mkdir()
        paths = mounted(own, folder)
        if service == "prometheus":
            self._place(paths["/etc/prometheus"] / "prometheus.yml")
        command = moved(own, paths)
        with (folder / "log").open("wb") as log:
            return subprocess.Popen(
                [program, *command, f"{flag}{ADDRESS}:{self._ports[service]}"],
                env={"PATH": os.environ["PATH"], **own.get("environment", {})},
                cwd=folder,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(),
            )

    def ready(self, service: str, process: "subprocess.Popen[bytes]") -> bool:
        """Whether a service that was started answers."""
        log = self._host.directory / service / "log"
        assert process.poll() is None, log.read_text()
        page = _PAGES.get(service, "/-/ready")
        with suppress(OSError), urllib.request.urlopen(self.url(service) + page, timeout=5):
            return True
        return False

    def ask(self, path: str, **parameters: str) -> Any:
        """Return what Prometheus's API answers."""
        return get(f"{self.url('prometheus')}/api/v1/{path}", **parameters)["data"]

    def query(self, expr: str) -> dict[tuple[str, str], float]:
        """Return the values of a query by job and service."""
        return {
            (each["metric"].get("job", ""), each["metric"].get("service", "")): float(
                each["value"][1]
            )
            for each in self.ask("query", query=expr)["result"]
        }

    def _place(self, path: Path) -> None:
        """Put addresses in place of names, and seconds in place of longer intervals."""
        text = path.read_text().replace("localhost:9090", f"{ADDRESS}:{self._ports['prometheus']}")
        text = text.replace("redis-exporter:9121", f"{ADDRESS}:{self._ports['redis-exporter']}")
        text = text.replace("scrape_interval: 10s", "scrape_interval: 1s")
        config = compose.load(text)
        for each in (*config["scrape_configs"], *config["alerting"]["alertmanagers"]):
            found = each.pop("dns_sd_configs", ())
            each.setdefault("static_configs", []).extend(
                {"targets": self._addresses(name, query["port"]), "labels": {_NAME: name}}
                for query in found
                for name in query["names"]
            )
        path.write_text(json.dumps(config))

    def _addresses(self, name: str, port: int) -> Sequence[str]:
        if name in self._ports:
            return [f"{ADDRESS}:{self._ports[name]}"]
        return [f"{each.address}:{self._host.ports[port]}" for each in self._host.of(name)]


_NAME = "__meta_dns_name"


def mounted(service: Mapping[str, Any], folder: Path) -> dict[str, Path]:
    """Return what the volumes of a service are here, by their paths in its container."""
    return dict(_mounted(each, folder) for each in service.get("volumes", ()))


def moved(service: Mapping[str, Any], paths: Mapping[str, Path]) -> list[str]:
    """Return the command of a service with paths of this machine."""
    return [_moved(each, paths) for each in service.get("command", ())]


def _mounted(volume: str, folder: Path) -> tuple[str, Path]:
    """Return a path of a container and what it is here: a copy of ours, an empty folder, or /."""
    source, target, *_ = volume.split(":")
    if source == "/":
        return target, Path(source)
    here = folder / target.strip("/").replace("/", "-")
    if source.startswith("./"):
        shutil.copytree(ROOT / source, here)
    else:
        here.mkdir()
    return target, here


def _moved(argument: str, paths: Mapping[str, Path]) -> str:
    for target, here in paths.items():
        argument = re.sub(rf"(?<==){target}(?=/|$)", str(here), argument)
    return argument


@contextmanager
def monitoring(host: Host, *services: str) -> Iterator[Monitoring]:
    """Run some of the services beside a host; skip the test where a program is missing."""
    missing = [PROGRAMS[each][0] for each in services if shutil.which(PROGRAMS[each][0]) is None]
    if missing:
        pytest.skip(f"there is no {missing[0]}")
    running = Monitoring(host)
    with ExitStack() as resources:
        for each in services:
            process = running.start(each)
            resources.callback(process.wait)
            resources.callback(process.kill)
            until(partial(running.ready, each, process))
        yield running
