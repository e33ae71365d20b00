"""Where Redis is and how to speak to it, read from one URL."""

import ssl
from dataclasses import dataclass, field
from typing import Any, Self

from redis.asyncio.connection import parse_url

from common.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Address:
    """One Redis server, from ``redis://[user[:password]@]host[:port][/db]``, ``rediss://`` or ``unix://``."""

    host: str = "127.0.0.1"
    port: int = 6379
    path: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL with redis-py's grammar; SettingsError names the option and what is wrong."""
        try:
            parts: dict[str, Any] = dict(parse_url(url))
        except ValueError as error:
            # "… as 'x'": what was read as the port may be the beginning of an unquoted password.
            raise SettingsError(f"--redis-url: {str(error).partition(' as ')[0]}") from None
        connection_class = parts.pop("connection_class", None)
        certificates = parts.pop("ssl_ca_certs", None)
        known = {name: parts.pop(name) for name in _FIELDS if name in parts}
        if parts:
            raise SettingsError(f"--redis-url: unknown option {sorted(parts)[0]!r}")
        secure = connection_class is not None and connection_class.__name__ == "SSLConnection"
        try:
            tls = ssl.create_default_context(cafile=certificates) if secure else None
        except OSError as error:
            raise SettingsError(f"--redis-url: ssl_ca_certs={certificates}: {error}") from None
        return cls(**known, tls=tls)


_FIELDS = ("host", "port", "path", "db", "username", "password")
