"""A Redis as production should have it: with a user for each service, on demand with TLS."""

from pathlib import Path
from typing import Literal, TypeAlias, get_args
from urllib.parse import parse_qs, urlencode, urlsplit

import redis

from callscribe.local.embedded_redis import EmbeddedRedis
from common.bus import acl
from gateway.tls import CERTIFICATE, KEY
from gateway.tls.keeping import kept
from gateway.tls.names import own_names

Protection: TypeAlias = Literal["none", "acl", "tls"]
"""With `tls`, there are users, too."""
PROTECTIONS: tuple[Protection, ...] = get_args(Protection)
_USERS = "users.acl"


class Guard:
    """What protects a server: files for it and its clients, in a directory of their own.

    A user's password is its name.
    """

    def __init__(self, directory: Path, protection: Protection) -> None:
        self._directory = directory
        self._users = protection != "none"
        self._tls = protection == "tls"
        if self._users:
            lines = [acl.LOCKED]
            for user in (*acl.users(), acl.ADMIN):
                (directory / user.name).write_text(user.name)
                lines.append(user.line(user.name))
            (directory / _USERS).write_text("\n".join(lines) + "\n")
        if self._tls:
            kept(directory, own_names())

    def options(self, port: int) -> dict[str, str]:
        """Return what the server is started with to listen on a port."""
        options = {"port": str(port)}
        if self._users:
            options["aclfile"] = str(self._directory / _USERS)
        if self._tls:
            options |= {
                "port": "0",
                "tls-port": str(port),
                "tls-cert-file": str(self._directory / CERTIFICATE),
                "tls-key-file": str(self._directory / KEY),
                "tls-auth-clients": "no",
            }
        return options

    def url(self, port: int) -> str:
        """Return where the services find the server."""
        options = {"passwords": str(self._directory)} if self._users else {}
        if self._tls:
            options["ssl_ca_certs"] = str(self._directory / CERTIFICATE)
        scheme = "rediss" if self._tls else "redis"
        return f"{scheme}://127.0.0.1:{port}/0{'?' if options else ''}{urlencode(options)}"

    def admin(self, port: int) -> redis.Redis:
        """Return a client that may do everything."""
        return redis.Redis.from_url(admin_url(self.url(port)))

    def answers(self, port: int) -> bool:
        """Tell whether the server answers and has read its data."""
        try:
            with self.admin(port) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.BusyLoadingError):
            return False

    def denials(self, port: int) -> list[object]:
        """Return what was refused for want of a right, and the logins that failed."""
        if not self._users:
            return []
        with self.admin(port) as client:
            denied: list[object] = client.acl_log()
            return denied


def admin_url(url: str) -> str:
    """Return the URL by which redis-py may do everything where the services have this one."""
    parts = urlsplit(url)
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    if options.pop("passwords", None) is None:
        return url
    name = acl.ADMIN.name
    return parts._replace(netloc=f"{name}:{name}@{parts.netloc}", query=urlencode(options)).geturl()


class GuardedRedis(EmbeddedRedis):
    """An embedded server with this protection; entering it raises as EmbeddedRedis does."""

    def __init__(self, protection: Protection) -> None:
        super().__init__()
        self._protection = protection

    def options(self) -> dict[str, str]:
        """Return what the server is started with."""
        return {**super().options(), **self._guard.options(self.port)}

    @property
    def url(self) -> str:
        """Where the services find the server."""
        return self._guard.url(self.port)

    def answers(self) -> bool:
        """Tell whether the server answers and has read its data."""
        return self._guard.answers(self.port)

    def denials(self) -> list[object]:
        """See `Guard.denials`."""
        return self._guard.denials(self.port)

    def prepare(self, directory: Path) -> None:
        """Write the files of users and TLS."""
        self._guard = Guard(directory, self._protection)
