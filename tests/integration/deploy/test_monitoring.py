"""What watches the composed services, while these need keys."""

import re
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from deploy.dashboards.host import HOST
from tests.integration.callscribe.processes import until
from tests.integration.deploy.host import Container, running_host
from tests.integration.deploy.monitoring import Monitoring, monitoring
from tests.integration.deploy.test_panels import asked

KEYS = "deploy/secrets/gateway/keys.json"
GUARDED = {
    "CALLSCRIBE_NO_AUTH": "false",
    "CALLSCRIBE_KEYS_FILE": "/run/secrets/callscribe/keys.json",
}
WATCHED = {
    ("gateway", "gateway"),
    *(("workers", name) for name in ("vad", "denoise", "asr")),
    ("redis", "redis"),
    ("node", ""),
    ("prometheus", ""),
}


def make_key(path: Path) -> str:
    """Write a keys file; return its key."""
    path.parent.mkdir(parents=True)
    command = ["keys", "create", "--tenant", "acme", "--scope", "read", "--file", str(path)]
    done = subprocess.run(
        [sys.executable, "-m", "callscribe", *command], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def status(gateway: Container, path: str, key: str = "") -> int:
    """Return what the port of clients answers."""
    connection = HTTPConnection(gateway.address, gateway.port, timeout=5)
    connection.request("GET", path, headers={"X-Api-Key": key} if key else {})
    code = connection.getresponse().status
    connection.close()
    return code


def all_up(running: Monitoring) -> bool:
    found = running.query("up == 1")
    return found.keys() == WATCHED


def without_data(running: Monitoring) -> list[str]:
    """Return the panels of the host that show nothing."""
    asked_for = ((panel.title, asked(q.expr)) for panel in HOST for q in panel.queries)
    return [title for title, expr in asked_for if not running.query(expr)]


def memory_bytes() -> int:
    """Return the memory of this machine as its kernel says it."""
    (total,) = re.findall(r"^MemTotal: +(\d+) kB$", Path("/proc/meminfo").read_text(), re.M)
    return 1024 * int(total)


@pytest.mark.timeout(180)
def test_prometheus_sees_everything_although_keys_are_needed(tmp_path: Path):
    key = make_key(tmp_path / KEYS)
    services = ("redis-exporter", "node-exporter", "alertmanager", "prometheus")
    with running_host(tmp_path, env=GUARDED) as host, monitoring(host, *services) as running:
        (gateway,) = host.of("gateway")
        assert status(gateway, "/v1/sessions") == 401
        assert status(gateway, "/v1/sessions", key) == 200
        assert {status(gateway, path) for path in ("/metrics", "/ws/status")} == {404}

        until(lambda: all_up(running), 30)
        assert running.query("up == 0") == {}
        assert running.query("callscribe_sessions") == {("gateway", "gateway"): 0}
        assert running.query("redis_up") == {("redis", "redis"): 1}
        assert running.query("redis_memory_max_bytes") == {("redis", "redis"): 2 << 30}

        until(lambda: not without_data(running), 30)
        assert running.query("node_memory_MemTotal_bytes") == {("node", ""): memory_bytes()}
        assert running.query('count(node_filesystem_size_bytes{mountpoint="/"})') == {("", ""): 1}

        until(lambda: len(running.ask("alertmanagers")["activeAlertmanagers"]) == 1)
        groups = running.ask("rules")["groups"]
        assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}
        assert {Path(group["file"]).name for group in groups} == {"alerts.yml", "recording.yml"}
