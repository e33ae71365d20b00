"""Debian's Redis with TLS, users, and an append-only file. Pure."""

from collections.abc import Mapping

from callscribe.hosts.file import CA, DIRECTORY, Files, drop_in, public, secret
from callscribe.hosts.inventory import Inventory

PORT = 6379

_UNIT = "redis-server.service"
_CREDENTIALS = f"/run/credentials/{_UNIT}"
_OPERATOR = "operator"


_DROP_IN = f"""\
[Unit]
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
LoadCredential=users.acl:{DIRECTORY}/users.acl
LoadCredential=privkey.pem:{DIRECTORY}/privkey.pem
ExecStart=
ExecStart=/usr/bin/redis-server {DIRECTORY}/redis.conf --supervised systemd --daemonize no
RestartSec=1
# Time to write the append-only file; the package's unit kills it.
TimeoutStopSec=60
"""


def url(site: Inventory, passwords: str) -> str:
    """Return where Redis is, for processes whose passwords are in a directory."""
    return f"rediss://{site.redis.address}:{PORT}/0?passwords={passwords}&ssl_ca_certs={CA}"


def files(site: Inventory, users: str, passwords: Mapping[str, str]) -> Files:
    """Return the files of the host that has Redis, and where a person's commands run."""
    environment = f"CALLSCRIBE_REDIS_URL={url(site, f'{DIRECTORY}/redis')}\n"
    return {
        f"{DIRECTORY}/redis.conf": public(_settings(site)),
        f"{DIRECTORY}/users.acl": secret(users),
        f"{DIRECTORY}/redis/{_OPERATOR}": secret(passwords[_OPERATOR] + "\n"),
        f"{DIRECTORY}/operator.env": secret(environment),
        drop_in(_UNIT): public(_DROP_IN),
    }


def _settings(site: Inventory) -> str:
    """Return Redis's own file."""
    return f"""\
bind {site.redis.address}
port 0
tls-port {PORT}
tls-cert-file {DIRECTORY}/fullchain.pem
tls-key-file {_CREDENTIALS}/privkey.pem
tls-ca-cert-file {CA}
# Users have passwords.
tls-auth-clients no
aclfile {_CREDENTIALS}/users.acl
dir /var/lib/redis
# Everything in it is a call in progress or a transcript still to be read.
appendonly yes
appendfsync everysec
save ""
maxmemory {site.maxmemory}
maxmemory-policy noeviction
# Trimming frees whole nodes only; the default of 4096 bytes holds one 100 ms frame.
stream-node-max-bytes 16384
"""
