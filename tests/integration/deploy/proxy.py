"""The proxies of docker-compose.yml without containers: Debian's nginx and HAProxy with the files
as they stand, only with other ports, paths and addresses.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from callscribe.local.child import die_with_parent, free_ports
from tests.conftest import ROOT
from tests.integration.callscribe.processes import until
from tests.unit.deploy import compose

HOST = "localhost"
STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
"""What the container's nginx has built in, and Debian in a package (libnginx-mod-stream)."""


def moved(folder: str, directory: Path, changes: Mapping[str, str]) -> None:
    """Copy the files of deploy/`folder` with `changes`, each of which must occur."""
    unused = {*changes}
    for path in (ROOT / "deploy" / folder).iterdir():
        text = path.read_text()
        unused -= {there for there in changes if there in text}
        for there, here in changes.items():
            text = text.replace(there, here)
        (directory / path.name).write_text(text)
    assert not unused, unused


class Proxy:
    """A proxy service of docker-compose.yml; its files are in `directory`."""

    def __init__(self, service: str, directory: Path, listens: tuple[str, int]) -> None:
        self._service = compose.read({})["services"][service]
        self._directory = directory
        self._listens = listens
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        """The service's own, with the files' directory here."""
        return [
            str(self._directory / each.rpartition("/")[2]) if each.startswith("/etc/") else each
            for each in self._service["command"]
        ]

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=die_with_parent(),
            )
        until(self._accepts)

    def stop(self) -> None:
        """Do as `docker stop`."""
        assert self._process is not None
        self._process.send_signal(getattr(signal, self._service.get("stop_signal", "SIGTERM")))
        self._process.wait(20)
        self._process = None

    def reload(self) -> None:
        """Have it read its certificates again, as `nginx -s reload` does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def kill(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def log(self) -> str:
        """Return what it wrote."""
        return (self._directory / "log").read_text()

    def _accepts(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        with socket.socket() as client:
            return client.connect_ex(self._listens) == 0


class NginxProcess(Proxy):
    """nginx, however it is configured."""

    @property
    def command(self) -> list[str]:
        """Return the service's own; as root its workers must reach the test's directory."""
        nginx, *options, directives = super().command
        if os.geteuid() == 0:
            directives += " user root;"
        if "proxy.conf" in options[1]:
            directives += f" load_module {STREAM};"
        return [nginx, *options, directives, "-e", "stderr"]


class Nginx(NginxProcess):
    """The one with TLS, in front of a gateway's port."""

    def __init__(self, directory: Path, gateway: int) -> None:
        self.plain_port, self.port = free_ports(2)
        self.certificates = directory / "certs"
        super().__init__("nginx", directory, ("127.0.0.1", self.port))
        changes = {
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ": f"listen 127.0.0.1:{self.port} ",
            "set $gateway gateway:8000;": f"set $gateway 127.0.0.1:{gateway};",
            "/tmp/": f"{directory}/",
            "/etc/callscribe/tls/": f"{self.certificates}/",
        }
        moved("nginx", directory, changes)

    @property
    def url(self) -> str:
        """The native protocol's address."""
        return f"wss://{HOST}:{self.port}/ws/asr"

    def make_certificate(self) -> None:
        """Do what the service `certificate` does."""
        service = compose.read({"TLS_NAME": HOST})["services"]["certificate"]
        action, _, *names = service["command"]
        command = [sys.executable, "-m", "callscribe", action, str(self.certificates), *names]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)

    def healthy(self) -> bool:
        """Run the service's own health check once."""
        _, *check = self._service["healthcheck"]["test"]
        command = [each.replace(":443/", f":{self.port}/") for each in check]
        assert command != check
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def nginx_before(gateway: int, directory: Path) -> Iterator[Nginx]:
    """Start nginx with a certificate of its own; skip the test where there is none."""
    if shutil.which("nginx") is None:
        pytest.skip("there is no nginx")
    nginx = Nginx(directory, gateway)
    nginx.make_certificate()
    nginx.start()
    try:
        yield nginx
    finally:
        nginx.kill()
