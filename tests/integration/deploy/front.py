"""A proxy in front of a host's gateways, which it finds by their name, as in docker-compose.yml."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException

import pytest

from tests.integration.callscribe.processes import until
from tests.integration.deploy.host import Host
from tests.integration.deploy.proxy import STREAM, NginxProcess, Proxy, moved

ADDRESS = "127.77.0.9"
FRONTS = ("proxy", "haproxy")


def page(address: str, port: int) -> int:
    """Return the status of /health; 0 when the connection breaks."""
    connection = HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


@contextmanager
def proxy_before(
    host: Host, service: str, others: Mapping[str, str] | None = None
) -> Iterator[Proxy]:
    """Start one of `FRONTS` at `ADDRESS`; skip the test where its program is missing.

    `others` are further changes of its files.
    """
    directory = host.directory / service
    directory.mkdir()
    if service == "proxy":
        if shutil.which("nginx") is None or not STREAM.exists():
            pytest.skip("there is no nginx with its stream module")
        address, port = host.names.endpoint.split(":")
        changes = {
            "resolver 127.0.0.11 ": f"resolver {address}:{port} ",
            "listen ": f"listen {ADDRESS}:",
            "/tmp/": f"{directory}/",
        }
        kind: type[Proxy] = NginxProcess
        folder = "nginx"
    else:
        if shutil.which("haproxy") is None:
            pytest.skip("there is no HAProxy")
        changes = {"127.0.0.11:53": host.names.endpoint, "bind :": f"bind {ADDRESS}:"}
        kind, folder = Proxy, "haproxy"
    moved(folder, directory, {**changes, **(others or {})})
    for path in directory.iterdir():
        path.write_text(host.moved(path.read_text()))
    proxy = kind(service, directory, (ADDRESS, host.ports[8000]))
    proxy.start()
    try:
        until(lambda: page(ADDRESS, host.ports[8000]) == 200)
        yield proxy
    finally:
        proxy.kill()
