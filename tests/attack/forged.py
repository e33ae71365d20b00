"""JSON Web Tokens: how an authority signs them, and how others only seem to."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

AUDIENCE = "callscribe"
_KID = "one"
_LIFE_S = 3600


class Authority:
    """One with a key of its own, whose public half the gateway has in a key set."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._public = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)

    @property
    def jwks(self) -> str:
        """The key set, as its file has it."""
        return json.dumps({"keys": [{**self._public, "kid": _KID, "use": "sig"}]})

    def token(self, tenant: str, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """Return a token with every scope; a claim that is None is left out."""
        headers = {"kid": _KID, **(headers or {})}
        return jwt.encode(claims(tenant, **changes), self._key, "RS256", headers)

    def forgeries(self, tenant: str) -> Iterator[tuple[str, str]]:
        """Yield tokens that do not count, each with its name.

        The key set is public, and so is one token: what is made of them is no proof.
        """
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        pem = self._key.public_key().public_bytes(serialization.Encoding.PEM, form)
        for name in ("none", "None", "nOnE", ""):
            yield f"JWT, alg {name!r}", _assembled({"alg": name, "kid": _KID}, claims(tenant))
        for what, secret in (("PEM", pem), ("JWK", json.dumps(self._public).encode()), ("", b"")):
            confused = {"alg": "HS256", "kid": _KID}
            token = _assembled(confused, claims(tenant), secret)
            yield f"JWT, HS256 with the public key {what}", token
        other = Authority()
        yield "JWT of another key", other.token(tenant)
        yield "JWT with its own key", other.token(tenant, {"jwk": other._public})
        yield "JWT with a key's address", other.token(tenant, {"jku": "http://127.0.0.1/jwks"})
        yield "JWT of an unknown key", other.token(tenant, {"kid": "two"})
        yield "JWT of a key by its path", other.token(tenant, {"kid": "../../../dev/null"})
        yield "JWT that has expired", self.token(tenant, exp=int(time.time()) - 60)
        yield "JWT that never expires", self.token(tenant, exp=None)
        yield "JWT of nobody", self.token(tenant, sub=None)
        yield "JWT for another audience", self.token(tenant, aud="another")
        yield "JWT for no audience", self.token(tenant, aud=None)
        yield "JWT of no tenant", self.token("Not one")
        head, _, signature = self.token("another").split(".")
        yield "JWT, changed", f"{head}.{_part(claims(tenant))}.{signature}"
        yield "JWT without signature", f"{head}.{_part(claims(tenant))}."
        deep = urlsafe_b64encode(b"[" * 6000).decode()
        yield "JWT, deep", f"{deep}.e30.e30"


def claims(tenant: str, **changes: Any) -> dict[str, Any]:
    """Return what a token says."""
    said = {
        "sub": "somebody",
        "tenant": tenant,
        "scope": "transcribe read admin",
        "aud": AUDIENCE,
        "exp": int(time.time()) + _LIFE_S,
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


def _assembled(head: dict[str, Any], body: dict[str, Any], secret: bytes | None = None) -> str:
    """Return a token as no library signs it."""
    said = f"{_part(head)}.{_part(body)}"
    if secret is None:
        return f"{said}."
    return f"{said}.{_encoded(hmac.digest(secret, said.encode(), 'sha256'))}"


def _part(content: dict[str, Any]) -> str:
    return _encoded(json.dumps(content).encode())


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
