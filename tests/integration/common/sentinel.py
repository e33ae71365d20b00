"""A master, its replica and a sentinel of a test's own."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import redis

from callscribe.local.child import free_ports
from tests.integration.common.server import Server

SERVICE = "main"


class Replica(Server):
    """A replica of a server."""

    def __init__(self, directory: Path, master: Server) -> None:
        directory.mkdir()
        super().__init__(directory, "--replicaof", f"127.0.0.1 {master.port}")


class Sentinel(Server):
    """The only sentinel of a service: it alone decides, half a second after the master is gone."""

    def __init__(self, directory: Path, master: Server, password: str = "") -> None:
        directory.mkdir()
        super().__init__(directory, password=password)
        file = directory / "sentinel.conf"
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {directory}",
            f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} 1",
            f"sentinel down-after-milliseconds {SERVICE} 500",
            f"sentinel failover-timeout {SERVICE} 3000",
        ]
        lines += [f"requirepass {password}"] if password else []
        file.write_text("\n".join(lines))
        self._options = [str(file), "--sentinel"]
        (nobody,) = free_ports(1)
        login = f"?sentinel_password={password}" if password else ""
        self.url_of_service = (
            f"redis+sentinel://127.0.0.1:{nobody},127.0.0.1:{self.port}/{SERVICE}/0{login}"
        )

    def wait_for_replica(self) -> None:
        """Wait until it knows a replica that it could promote."""
        end = time.monotonic() + 20
        while not any(map(_is_in_sync, self.client.sentinel_slaves(SERVICE))):
            assert time.monotonic() < end, "the sentinel finds no replica"
            time.sleep(0.05)

    def fail_over(self) -> None:
        """Have master and replica change roles, as an operator does."""
        self.client.execute_command("SENTINEL", "FAILOVER", SERVICE)


def _is_in_sync(replica: Mapping[str, Any]) -> bool:
    return replica["master-link-status"] == "ok" and not replica["is_disconnected"]


def role(server: Server) -> bytes:
    """Return what a server takes itself for; nothing when it does not answer."""
    try:
        found: bytes = server.client.role()[0]
    except (redis.ConnectionError, redis.BusyLoadingError):
        return b""
    return found
