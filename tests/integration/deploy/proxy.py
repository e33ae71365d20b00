"""The proxy of docker-compose.yml without a container: Debian's nginx with the file as it stands,
only with other ports, paths and addresses.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from callscribe.local.child import die_with_parent, free_ports
from tests.conftest import ROOT
from tests.integration.callscribe.processes import until
from tests.unit.deploy import compose

HOST = "localhost"


class Nginx:
    """nginx in front of a gateway's port."""

    def __init__(self, directory: Path, gateway: int) -> None:
        self.plain_port, self.port = free_ports(2)
        self.certificates = directory / "certs"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._config = directory / "nginx.conf"
        self._config.write_text(
            self._moved((ROOT / "deploy/nginx/nginx.conf").read_text(), gateway)
        )

    def _moved(self, text: str, gateway: int) -> str:
        for there, here in (
            ("listen 80;", f"listen 127.0.0.1:{self.plain_port};"),
            ("listen 443 ", f"listen 127.0.0.1:{self.port} "),
            ("set $gateway gateway:8000;", f"set $gateway 127.0.0.1:{gateway};"),
            ("ssl_certificate /etc/callscribe/tls/", f"ssl_certificate {self.certificates}/"),
            ("_key /etc/callscribe/tls/", f"_key {self.certificates}/"),
            ("pid /tmp/", f"pid {self._directory}/"),
            ("_path /tmp/", f"_path {self._directory}/"),
        ):
            assert there in text, there
            text = text.replace(there, here)
        assert "/tmp/" not in text.replace(str(self._directory), "")
        return text

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

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        nginx, _, _, option, directives = compose.read({})["services"]["nginx"]["command"]
        if os.geteuid() == 0:  # its workers must reach the test's directory
            directives += " user root;"
        command = [nginx, "-c", str(self._config), "-e", "stderr", option, directives]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stderr=log, process_group=0, preexec_fn=die_with_parent()
            )
        until(self._accepts)

    def stop(self) -> None:
        """Do as `docker stop`."""
        assert self._process is not None
        number = compose.read({})["services"]["nginx"]["stop_signal"]
        self._process.send_signal(getattr(signal, number))
        assert self._process.wait(20) == 0
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

    def healthy(self) -> bool:
        """Run the service's own health check once."""
        _, *check = compose.read({})["services"]["nginx"]["healthcheck"]["test"]
        command = [each.replace(":443/", f":{self.port}/") for each in check]
        assert command != check
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def log(self) -> str:
        """Return what it wrote."""
        return (self._directory / "log").read_text()

    def _accepts(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log()
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


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
