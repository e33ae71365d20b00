"""The files of each host, by their paths on it. Pure: secrets and certificates are given."""

from collections.abc import Mapping
from dataclasses import dataclass

from callscribe.hosts import haproxy, prometheus, redis, services
from callscribe.hosts.file import CA, DIRECTORY, Files, public, secret
from callscribe.hosts.inventory import Host, Inventory


@dataclass(frozen=True)
class Given:
    """What a site is made of besides its inventory."""

    passwords: Mapping[str, str]
    """Of the users of Redis, by their names."""
    users: str
    """The file of these users, for Redis."""
    authority: str
    """The certificate of the site's authority, PEM."""
    identities: Mapping[str, tuple[str, str]]
    """Of each host, its certificate and its key, PEM."""
    certificate: str | None
    """The proxies' own certificate chain and key, where the site has one."""
    units: Mapping[str, str]
    """deploy/systemd: file to text, drop-ins below their directories."""
    rules: Mapping[str, str]
    """deploy/prometheus/rules."""


def render(site: Inventory, given: Given) -> dict[str, Files]:
    """Return the files of every host, by its name."""
    return {host.name: _host(site, given, host) for host in site.hosts}


def _host(site: Inventory, given: Given, host: Host) -> Files:
    certificate, key = given.identities[host.name]
    files: Files = {CA: public(given.authority)}
    packages, units = ["python3-venv"], []
    if host.redis or host.roles:
        files |= {
            f"{DIRECTORY}/fullchain.pem": public(certificate),
            f"{DIRECTORY}/privkey.pem": secret(key),
        }
    if host.redis:
        files |= redis.files(site, given.users, given.passwords)
        packages.append("redis-server")
        units.append("redis-server")
    if host.roles:
        files |= services.files(site, host, given.units, given.passwords)
        units.append("callscribe.target")
    if host.proxy:
        files |= haproxy.files(site, host, given.certificate or certificate + key)
        packages.append("haproxy")
        units.append("haproxy")
    if host.prometheus:
        files |= prometheus.files(site, given.rules, given.passwords["metrics"])
        packages += ["prometheus", "prometheus-redis-exporter"]
        units += ["prometheus", "prometheus-redis-exporter"]
    return files | {
        f"{DIRECTORY}/packages": public("".join(f"{each}\n" for each in packages)),
        f"{DIRECTORY}/units": public("".join(f"{each}\n" for each in units)),
    }
