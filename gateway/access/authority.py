"""JSON Web Tokens of another authority, in place of our own keys.

Claims: `tenant` (or the whole deployment's, `--jwt-tenant`), `scope` with blanks between, `sub`,
and `exp`, which must be there. They are signed by HS256 with a shared secret, or by RS256 or ES256
with a public key or one of a JWKS. Its file is read again whenever it changes, and never because of
a token: anyone can send those.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import jwt

from common.pipeline.access import SCOPES, check_tenant
from common.telemetry.logs import Log
from gateway.access.stamp import stamp

_ASYMMETRIC = ("RS256", "ES256")
_SHORTEST_SECRET = 32
"""Bytes; RFC 7518, 3.2."""
_LEEWAY_S = 5
_LONGEST = 8192
_LOOK_EVERY = 0.25
"""Seconds between looks whether the JWKS changed."""

_log = Log(__name__)


class Rejected(Exception):
    """The token does not count; the message says why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a token names."""

    tenant: str
    subject: str
    scopes: frozenset[str]
    expires: int


@dataclass(slots=True)
class Authority:
    """Checks tokens. `secret` or `public_key` or `jwks`, never two of them."""

    secret: bytes = b""
    public_key: str = ""
    jwks: Path | None = None
    issuer: str | None = None
    audience: str | None = None
    tenant: str = ""
    _known: Mapping[str, Any] = field(default_factory=dict)
    _stamp: tuple[int, int] | None = None

    @classmethod
    def given(
        cls,
        secret_file: Path | None,
        public_key_file: Path | None,
        jwks_file: Path | None,
        *,
        issuer: str | None,
        audience: str | None,
        tenant: str | None,
    ) -> Self | None:
        """Read the settings; None without any. ValueError names the flag that is wrong."""
        files = {
            "--jwt-secret-file": secret_file,
            "--jwt-public-key-file": public_key_file,
            "--jwt-jwks-file": jwks_file,
        }
        named = [flag for flag, path in files.items() if path is not None]
        if not named:
            return None
        if len(named) > 1:
            raise ValueError(f"{named[1]}: not together with {named[0]}")
        self = cls(issuer=issuer, audience=audience, tenant=tenant or "")
        try:
            if tenant:
                check_tenant(tenant)
            if secret_file is not None:
                self.secret = secret_file.read_bytes().strip()
                if len(self.secret) < _SHORTEST_SECRET:
                    raise ValueError(f"a secret has at least {_SHORTEST_SECRET} bytes")
            elif public_key_file is not None:
                self.public_key = public_key_file.read_text()
                if "PUBLIC KEY" not in self.public_key:
                    raise ValueError(f"{public_key_file} has no public key in PEM")
            else:
                self.jwks = jwks_file
                self._read_jwks()
        except (OSError, ValueError, jwt.PyJWTError) as error:
            raise ValueError(f"{named[0]}: {error}") from None
        return self

    def check(self, token: str) -> Subject:
        """Return whom a token names. Raises Rejected."""
        if len(token) > _LONGEST:
            raise Rejected("the token is too long")
        try:
            claims = jwt.decode(
                token,
                self._key_of(token),
                algorithms=["HS256"] if self.secret else list(_ASYMMETRIC),
                issuer=self.issuer,
                audience=self.audience,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "sub"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise Rejected(str(error)) from None
        tenant = self.tenant or str(claims.get("tenant", ""))
        try:
            check_tenant(tenant)
        except ValueError as error:
            raise Rejected(str(error)) from None
        scopes = frozenset(str(claims.get("scope", "")).split()) & frozenset(SCOPES)
        return Subject(tenant, str(claims["sub"])[:128], scopes, int(claims["exp"]))

    def _key_of(self, token: str) -> Any:
        if self.secret or self.public_key:
            return self.secret or self.public_key
        name = jwt.get_unverified_header(token).get("kid", "")
        if name not in self._known:
            raise Rejected("the token names no key of the JWKS")
        return self._known[name]

    async def run(self) -> None:
        """Follow the changes of the JWKS, for ever."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            self.look()

    def look(self) -> None:
        """Read the JWKS if it has changed; what cannot be read changes nothing."""
        if self.jwks is None or stamp(self.jwks) == self._stamp:
            return
        try:
            self._read_jwks()
        except (OSError, ValueError, jwt.PyJWTError) as error:
            _log.error("access.unreadable", file=str(self.jwks), reason=str(error))

    def _read_jwks(self) -> None:
        assert self.jwks is not None
        self._stamp = stamp(self.jwks)
        read = json.loads(self.jwks.read_text())
        if not isinstance(read, dict):
            raise ValueError(f"{self.jwks} is no JSON Web Key Set")
        keys = jwt.PyJWKSet.from_dict(read).keys
        self._known = {each.key_id or "": each.key for each in keys}
