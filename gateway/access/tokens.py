"""Short-lived tokens: what a browser or a bot gets in place of a key. Pure.

A token is ``cst_<claims>.<signature>``, both base64url: claims as JSON, and their HMAC-SHA256 under
the digest of the key that vouches for it. So any gateway can check it without asking Redis, it ends
with its key, and the holder of a key could sign one without asking us.
"""

import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

PREFIX = "cst_"
LONGEST_S = 3600
SHORTEST_S = 1
USUAL_S = 60
RESUMES_FOR_S = 86_400
"""How long after its expiry a token may still resume the call that it opened."""
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. `expires`: s since 1970. `once`: its id. `options`: of its call, fixed."""

    key: str
    once: str
    expires: int
    options: Mapping[str, Any] = field(default_factory=dict)


def mint(key: str, digest: str, expires: int, options: Mapping[str, Any]) -> str:
    """Return a new token under the key with this id and digest."""
    claims = {"k": key, "j": secrets.token_urlsafe(12), "e": expires}
    if options:
        claims["o"] = dict(options)
    body = _encoded(json.dumps(claims, separators=(",", ":")).encode())
    return f"{PREFIX}{body}.{_signature(digest, body)}"


def claims_of(token: str) -> Claims | None:
    """Return what a token says, which nobody has checked yet; None if it is none."""
    body, dot, _ = token.removeprefix(PREFIX).partition(".")
    if not token.startswith(PREFIX) or not dot or len(token) > _LONGEST:
        return None
    try:
        said = json.loads(_decoded(body))
        claims = Claims(said["k"], said["j"], said["e"], said.get("o", {}))
    except (NotBase64, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    kinds = (claims.key, str), (claims.once, str), (claims.expires, int), (claims.options, dict)
    return claims if all(type(value) is kind for value, kind in kinds) else None


def is_signed(token: str, digest: str) -> bool:
    """Whether a token was made under the key with this digest."""
    body, _, signature = token.removeprefix(PREFIX).partition(".")
    return hmac.compare_digest(signature.encode(), _signature(digest, body).encode())


def _signature(digest: str, body: str) -> str:
    return _encoded(hmac.new(digest.encode(), body.encode(), sha256).digest())


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
