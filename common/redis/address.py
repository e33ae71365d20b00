"""Where Redis is and how to connect to it, read from one URL.

| URL | Redis |
|---|---|
| ``redis://[user[:password]@]host[:6379][/db]`` | one server |
| ``unix://[user[:password]@]/path[?db=n]`` | the same, by its socket |
| ``redis+sentinel://[user[:password]@]host[:26379][,host…]/service[/db]`` | the service's master |
| ``redis+cluster://[user[:password]@]host[:6379][,host…]`` | the cluster these nodes belong to |

``rediss`` in place of ``redis`` is TLS, to every server and sentinel. The option
``passwords=DIR`` reads the password of a user from the file of its name in a directory. Without a
user in the URL, that is the user named as the process, so that all processes share one URL.
"""

import re
import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypeAlias
from urllib.parse import SplitResult, parse_qs, urlsplit

from redis.asyncio.connection import parse_url

from common.errors import SettingsError

Endpoint: TypeAlias = tuple[str, int]
"""Host and port."""

_CERTIFICATES = {"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}
_SENTINEL = {"sentinel_username", "sentinel_password"}
_PASSWORDS = "passwords"
_OPTIONS = {"username", "password", "db", _PASSWORDS}
_PORT, _SENTINEL_PORT = 6379, 26379


@dataclass(frozen=True, slots=True)
class Address:
    """One Redis server; or, with `sentinels`, a service's master; or, with `nodes`, a cluster."""

    host: str = "127.0.0.1"
    port: int = _PORT
    path: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    sentinels: tuple[Endpoint, ...] = ()
    service: str = ""
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    nodes: tuple[Endpoint, ...] = ()

    def __str__(self) -> str:
        if self.sentinels:
            return f"{self.service} of {_written(self.sentinels)}"
        if self.nodes:
            return f"cluster of {_written(self.nodes)}"
        return self.path or _written([(self.host, self.port)])

    @classmethod
    def parse(cls, url: str, process: str = "") -> Self:
        """Read a URL; SettingsError says what is wrong, and never shows any part of a password.

        `process` is the user of an URL with ``passwords`` and without a user.
        """
        try:
            return cls(**_read(url, process))
        except ValueError as error:
            raise SettingsError(f"--redis-url: {error}") from None

    def at(self, endpoint: Endpoint) -> Self:
        """Return the address of one server of this service or cluster."""
        host, port = endpoint
        return replace(self, host=host, port=port, sentinels=(), service="", nodes=())

    def sentinel_at(self, endpoint: Endpoint) -> Self:
        """Return the address of a sentinel, which knows other users than the servers."""
        user, password = self.sentinel_username, self.sentinel_password
        return replace(self.at(endpoint), db=0, username=user, password=password)


def _written(endpoints: "tuple[Endpoint, ...] | list[Endpoint]") -> str:
    return ",".join(
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in endpoints
    )


# Unquoted characters of a password may move the rest of it into any other part of the URL. So
# errors repeat no part of the URL, except names of options and of files.


def _read(url: str, process: str) -> dict[str, Any]:
    """Return the fields of an Address; ValueError says what is wrong."""
    parts, authority = _split(url)
    scheme, _, kind = parts.scheme.partition("+")
    if scheme not in ("redis", "rediss", *(() if kind else ("unix",))) or kind not in (
        *("", "sentinel", "cluster"),
    ):
        raise ValueError(
            "the scheme must be one of redis, rediss, unix,"
            " redis+sentinel, rediss+sentinel, redis+cluster, rediss+cluster"
        )
    options = parse_qs(parts.query)
    known = _OPTIONS | _CERTIFICATES | (_SENTINEL if kind == "sentinel" else set())
    if unknown := sorted(options.keys() - known):
        raise ValueError(f"unknown option {unknown[0]!r}")
    plain = url
    users, at, hosts = authority.rpartition("@")
    if kind:
        plain = f"{scheme}://{users}{at}host?{parts.query}"
    elif scheme != "unix" and not re.fullmatch(r"/?\d*", parts.path):
        raise ValueError("the part after the host is not a database number")
    fields = _plain(plain)
    if (directory := fields.pop(_PASSWORDS, None)) is not None:
        fields |= _logins(Path(directory), fields, process)
    fields["tls"] = _tls(
        scheme == "rediss", {name: fields.pop(name, None) for name in _CERTIFICATES}
    )
    if kind == "sentinel":
        fields |= _service(parts.path)
        fields["sentinels"] = _endpoints(hosts, _SENTINEL_PORT)
    elif kind == "cluster":
        if fields.get("db") or parts.path not in ("", "/", "/0"):
            raise ValueError("a cluster has only database 0")
        fields["nodes"] = _endpoints(hosts, _PORT)
    return fields


def _split(url: str) -> tuple[SplitResult, str]:
    """Return a URL's parts without the authority, and the authority.

    Some versions of urlsplit refuse an authority with an IPv6 address behind a comma.
    """
    match = re.fullmatch("([^/?#]*//)([^/?#]*)(.*)", url, re.DOTALL)
    if match is None:
        return urlsplit(url), ""
    return urlsplit(match[1] + match[3]), match[2]


def _plain(url: str) -> dict[str, Any]:
    try:
        fields = dict(parse_url(url))
    except ValueError as error:
        # Not the original text ("… as 'x'"): x may be the beginning of an unquoted password.
        raise ValueError(str(error).partition(" as ")[0]) from None
    fields.pop("connection_class", None)
    return fields


def _logins(directory: Path, fields: dict[str, Any], process: str) -> dict[str, str]:
    """Return the users and their passwords from the files of a directory."""
    user = fields.get("username") or process
    if not user:
        raise ValueError(f"{_PASSWORDS} needs a user before the host")
    if fields.get("password"):
        raise ValueError(f"a password and {_PASSWORDS} exclude each other")
    found = {"username": user, "password": _password(directory, user)}
    other = fields.get("sentinel_username")
    if other and not fields.get("sentinel_password"):
        found["sentinel_password"] = _password(directory, other)
    return found


def _password(directory: Path, user: str) -> str:
    if not re.fullmatch(r"[\w.-]+", user, re.ASCII):
        raise ValueError(f"{_PASSWORDS}: the name of the user is no name of a file")
    path = directory / user
    try:
        password = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        raise ValueError(f"{_PASSWORDS}: cannot read {path}: {reason}") from None
    if not password:
        raise ValueError(f"{_PASSWORDS}: {path} is empty")
    return password


def _endpoints(hosts: str, default: int) -> tuple[Endpoint, ...]:
    endpoints = []
    for each in hosts.split(","):
        match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]]+))(?::(.*))?", each)
        if match is None:
            raise ValueError("one of the hosts is empty or invalid")
        port = match[3] or str(default)
        if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise ValueError("the port of one of the hosts is not a number from 1 to 65535")
        endpoints.append((match[1] or match[2], int(port)))
    return tuple(endpoints)


def _service(path: str) -> dict[str, Any]:
    match = re.fullmatch(r"/([\w.-]+)(?:/(\d*))?", path, re.ASCII)
    if match is None:
        raise ValueError(
            "a sentinel's hosts must be followed by /<service> or /<service>/<database number>"
        )
    return {"service": match[1]} | ({"db": int(match[2])} if match[2] else {})


def _tls(wanted: bool, files: dict[str, str | None]) -> ssl.SSLContext | None:
    """Return a context that verifies the server, and shows it a certificate if there is one."""
    given = sorted(name for name, path in files.items() if path)
    if not wanted:
        if given:
            raise ValueError(f"{given[0]} is for rediss:// only")
        return None
    authority, certificate, key = (
        files[name] for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
    )
    if key and not certificate:
        raise ValueError("ssl_keyfile needs ssl_certfile")
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise ValueError(f"ssl_ca_certs={authority}: {error}") from None
    if certificate:
        try:
            context.load_cert_chain(certificate, key)
        except OSError as error:
            raise ValueError(f"ssl_certfile={certificate}, ssl_keyfile={key}: {error}") from None
    return context
