"""A RabbitMQ server of the tests' own, Debian's, which can be stopped and started."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from callscribe.local.child import die_with_parent, free_ports

_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def installed() -> bool:
    """Tell whether there is a RabbitMQ on this machine."""
    return _PROGRAM.exists() and shutil.which("epmd") is not None


class Broker:
    """A server on free ports of this machine, with an Erlang port mapper of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port, self._between, self._mapper_port = free_ports(3)
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        self._server: subprocess.Popen[bytes] | None = None
        self._mapper: subprocess.Popen[bytes] | None = None
        (folder / "plugins").write_text("[].")
        (folder / "none").touch()

    def start(self) -> None:
        """Start it and wait until it answers."""
        if self._mapper is None:
            # Erlang would start one that is nobody's child.
            self._mapper = self._run("epmd", "-address", "127.0.0.1")
        self._server = self._run(str(_PROGRAM))
        deadline = time.monotonic() + 100
        while not self._answers():
            assert self._server.poll() is None, (self._folder / "out").read_text()
            assert time.monotonic() < deadline, "RabbitMQ does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """Kill it: what it has confirmed is on the disk."""
        if self._server is not None:
            self._server.kill()
            self._server.wait(30)
            self._server = None

    def close(self) -> None:
        """End all that was started."""
        self.stop()
        if self._mapper is not None:
            self._mapper.kill()
            self._mapper.wait(30)
            self._mapper = None

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        folder = str(self._folder)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,  # of Erlang's cookie
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._mapper_port),
            "RUNNING_UNDER_SYSTEMD": "yes",  # the server is this process, no child of a shell
            "RABBITMQ_NODENAME": f"callscribe-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._between),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_CONFIG_FILE": f"{folder}/none.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{folder}/none.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
        }
        with (self._folder / "out").open("ab") as out:
            return subprocess.Popen(
                command, env=environment, stdout=out, stderr=out, preexec_fn=die_with_parent()
            )

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as client:
                client.sendall(b"HTTP/1.1")  # it answers what it does not know with its version
                return client.recv(4) == b"AMQP"
        except OSError:
            return False
