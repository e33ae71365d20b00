"""Debian's Prometheus on loopback, with the rules of deploy/prometheus."""

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

from callscribe.local.child import die_with_parent, free_ports

_RULES = Path(__file__).resolve().parents[2] / "deploy" / "prometheus" / "rules"
_START_DEADLINE = 30.0
_POLL = 0.1


def answer(url: str, query: str) -> float | None:
    """Return the value of an instant query, or None if it has no series."""
    where = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(where, timeout=10) as response:
        series: list[dict[str, Any]] = json.load(response)["data"]["result"]
    return float(series[0]["value"][1]) if series else None


@contextmanager
def prometheus(
    jobs: Mapping[str, Sequence[int]], namespace: str, interval_s: float
) -> Iterator[str]:
    """Scrape these loopback ports, by job, as a PodMonitor would; yield Prometheus's URL.

    Every series gets the label `namespace`. Raises TimeoutError if Prometheus does not start.
    """
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    every = f"{interval_s:g}s"
    config = {
        "global": {"scrape_interval": every, "scrape_timeout": every},
        "rule_files": [str(_RULES / "*.yml")],
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [
                    {
                        "targets": [f"127.0.0.1:{port}" for port in ports],
                        "labels": {"namespace": namespace},
                    }
                ],
            }
            for job, ports in jobs.items()
        ],
    }
    with TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "prometheus.yml").write_text(json.dumps(config))
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    "prometheus",
                    "--config.file=prometheus.yml",
                    "--storage.tsdb.path=data",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                cwd=directory,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(),
            )
        try:
            _wait(url, directory / "log")
            yield url
        finally:
            process.kill()
            process.wait()


def _wait(url: str, log: Path) -> None:
    deadline = monotonic() + _START_DEADLINE
    while monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"{url}/-/ready", timeout=5):
            return
        sleep(_POLL)
    raise TimeoutError(f"Prometheus does not start: {log.read_text()}")
