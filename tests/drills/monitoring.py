"""A real Prometheus and a real Alertmanager, Debian's, on loopback."""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from callscribe.local.child import die_with_parent, free_ports
from tests.drills.shortened import shortened
from tests.integration.callscribe.processes import until
from tests.promql import RULES

PROGRAMS = ("prometheus", "prometheus-alertmanager")
SCRAPE = "1s"
FASTER = 60
"""By how much time passes faster in the rules."""


def missing() -> list[str]:
    """Return the programs that this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


def get(url: str, **parameters: str) -> Any:
    """Return the JSON that a loopback server answers."""
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{url}?{query}", timeout=10) as answer:
        return json.loads(answer.read())


class _Server:
    def __init__(self, directory: Path, program: str, *flags: str) -> None:
        (self.port,) = free_ports(1)
        self._log = directory / f"{program}.log"
        command = [program, *flags, f"--web.listen-address=127.0.0.1:{self.port}"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=directory, stdout=log, stderr=log, preexec_fn=die_with_parent()
            )
        until(self._ready)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _ready(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        with suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
        return False


_NOBODY = json.dumps({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]})


class Alertmanager(_Server):
    """Gets the alerts; tells nobody, unless `config` says otherwise."""

    def __init__(self, directory: Path, config: str = _NOBODY) -> None:
        (directory / "alertmanager.yml").write_text(config)
        super().__init__(
            directory,
            "prometheus-alertmanager",
            "--config.file=alertmanager.yml",
            "--storage.path=alertmanager",
            "--cluster.listen-address=",
        )

    def firing(self) -> set[tuple[str, str]]:
        """Return names and severities of the alerts that fire."""
        alerts = get(f"{self.url}/api/v2/alerts", active="true")
        return {(each["labels"]["alertname"], each["labels"]["severity"]) for each in alerts}


class Prometheus(_Server):
    """Scrapes each second what `targets` names, with the rules of the repository, shortened."""

    def __init__(
        self, directory: Path, *, alertmanager: int | None = None, faster: int = FASTER
    ) -> None:
        for path in RULES.glob("*.yml"):
            (directory / path.name).write_text(shortened(path.read_text(), faster))
        self._targets = directory / "targets.json"
        self.scrape({})
        places = [] if alertmanager is None else [f"127.0.0.1:{alertmanager}"]
        job: dict[str, Any] = {
            "file_sd_configs": [{"files": [str(self._targets)], "refresh_interval": "1s"}],
            "tls_config": {"insecure_skip_verify": True},
            # A target names its own job and scheme.
            "relabel_configs": [{"source_labels": ["group"], "target_label": "job"}],
        }
        config = {
            "global": {
                "scrape_interval": SCRAPE,
                "scrape_timeout": SCRAPE,
                "evaluation_interval": SCRAPE,
            },
            "rule_files": ["alerts.yml", "recording.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": places}]}]},
            "scrape_configs": [job | {"job_name": "all"}],
        }
        (directory / "prometheus.yml").write_text(json.dumps(config))
        flags = "--config.file=prometheus.yml", "--storage.tsdb.path=data"
        super().__init__(directory, "prometheus", *flags)

    def scrape(self, targets: Mapping[str, Sequence[int]], tls: Sequence[int] = ()) -> None:
        """Scrape these ports from now on, by job; those in `tls` over TLS."""
        groups = [
            {
                "targets": [f"127.0.0.1:{port}"],
                "labels": {"group": job, "__scheme__": "https" if port in tls else "http"},
            }
            for job, ports in targets.items()
            for port in ports
        ]
        # Prometheus may be reading.
        new = self._targets.with_suffix(".new")
        new.write_text(json.dumps(groups))
        new.replace(self._targets)

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the series that a query gives now, with their labels and values."""
        result: list[dict[str, Any]] = get(f"{self.url}/api/v1/query", query=expr)["data"]["result"]
        return result

    def curves(self, expr: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Return the series that a query gives over a time, in s since 1970."""
        parameters = {"query": expr, "start": str(start), "end": str(end), "step": str(step)}
        answer = get(f"{self.url}/api/v1/query_range", **parameters)
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def firing(self) -> set[tuple[str, str]]:
        """Return names and severities of the alerts that fire."""
        alerts = get(f"{self.url}/api/v1/alerts")["data"]["alerts"]
        return {
            (each["labels"]["alertname"], each["labels"]["severity"])
            for each in alerts
            if each["state"] == "firing"
        }


@contextmanager
def monitoring(directory: Path) -> Iterator[tuple[Prometheus, Alertmanager]]:
    """Start both, and end them on leaving."""
    alertmanager = Alertmanager(directory)
    try:
        prometheus = Prometheus(directory, alertmanager=alertmanager.port)
        try:
            yield prometheus, alertmanager
        finally:
            prometheus.kill()
    finally:
        alertmanager.kill()
