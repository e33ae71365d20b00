"""Debian's Prometheus, which asks every process of a site, and the exporter of Redis. Pure."""

import json
from collections.abc import Mapping

from callscribe.hosts.file import CA, DIRECTORY, Files, drop_in, public, secret
from callscribe.hosts.inventory import Inventory
from callscribe.hosts.redis import PORT
from callscribe.hosts.roles import ADMIN_OFFSET, GATEWAY, ROLES

_PORT = 9090
_EXPORTER_PORT = 9121
_RULES = f"{DIRECTORY}/rules"


_DROP_IN = f"""\
[Service]
ExecStart=
# This machine only: it has no password.
ExecStart=/usr/bin/prometheus --config.file={DIRECTORY}/prometheus.yml \
--storage.tsdb.path=/var/lib/prometheus/metrics2 --web.listen-address=127.0.0.1:{_PORT}
"""


def files(site: Inventory, rules: Mapping[str, str], password: str) -> Files:
    """Return the files of a host that has Prometheus; `password`: of the user metrics."""
    redis = f"{site.redis.address}:{PORT}"
    return {
        f"{DIRECTORY}/prometheus.yml": public(_settings(redis) + _jobs(site)),
        f"{DIRECTORY}/redis-exporter.env": secret(f"REDIS_PASSWORD={password}\n"),
        drop_in("prometheus.service"): public(_DROP_IN),
        drop_in("prometheus-redis-exporter.service"): public(_exporter_drop_in(redis)),
        **{f"{_RULES}/{name}": public(text) for name, text in rules.items()},
    }


def _jobs(site: Inventory) -> str:
    """Return the jobs of gateways and workers, with the labels that Compose gives them."""
    gateways = [
        f"{host.address}:{port + ADMIN_OFFSET}"
        for host in site.hosts
        for port in host.ports(GATEWAY)
    ]
    lines = [
        "  - job_name: gateway",
        "    scheme: https",
        f"    tls_config: {{ca_file: {CA}}}",
        "    static_configs:",
        *_static("gateway", gateways),
        "",
        "  - job_name: workers",
        "    static_configs:",
    ]
    for name, role in ROLES.items():
        targets = [f"{host.address}:{port}" for host in site.hosts for port in host.ports(role)]
        if targets and role is not GATEWAY:
            lines += _static(name, targets)
    return "\n".join([*lines, ""])


def _static(service: str, targets: list[str]) -> list[str]:
    return [
        f"      - targets: {json.dumps(targets)}",
        f"        labels: {{service: {service}}}",
    ]


def _settings(redis: str) -> str:
    """Return the file up to the jobs of callscribe; `redis`: host and port."""
    return f"""\
global:
  scrape_interval: 10s
  evaluation_interval: 30s

rule_files: [{_RULES}/*.yml]

scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: [localhost:{_PORT}]

  - job_name: redis
    static_configs:
      - targets: [localhost:{_EXPORTER_PORT}]
        labels: {{service: redis, instance: "{redis}"}}

"""


def _exporter_drop_in(redis: str) -> str:
    """Return what the exporter is told: where Redis is, and who it is there."""
    return f"""\
[Service]
EnvironmentFile={DIRECTORY}/redis-exporter.env
ExecStart=
# It would ask for what shows passwords, and is refused.
ExecStart=/usr/bin/prometheus-redis-exporter -redis.addr rediss://{redis} \
-redis.user metrics -tls-ca-cert-file {CA} -config-command - \
-web.listen-address 127.0.0.1:{_EXPORTER_PORT}
"""
