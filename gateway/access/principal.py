"""Who a request comes from, as far as access goes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from common.pipeline.access import OPEN_TENANT, SCOPES, AccessKey
from gateway.access.tokens import Claims

_OF_A_TOKEN = frozenset({"transcribe"})
"""A browser that has one makes one call, and sees no other."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one key may use; 0 is no limit. See `AccessKey`."""

    sessions: int = 0
    audio_s: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who makes a request. `key`: the id of the key that vouches for it, empty without one.

    `caller` is what admission counts by: a digest that is the same for all its requests.
    `of_keyring`: the key is one of ours, which may be revoked. `expires`: s since 1970, 0 for
    never. `once`: a short-lived token's id, which opens one call; `bound` are the options that its
    call has. `resumes_only`: the token has expired, and only resumes the call that it opened.
    """

    caller: str
    tenant: str = OPEN_TENANT
    scopes: frozenset[str] = frozenset(SCOPES)
    key: str = ""
    of_keyring: bool = False
    limits: Limits = Limits()
    expires: int = 0
    once: str = ""
    bound: Mapping[str, Any] = field(default_factory=dict)
    resumes_only: bool = False

    @property
    def operator(self) -> bool:
        """Whether it sees every tenant."""
        return "admin" in self.scopes


def anonymous(address: str, said: str = "") -> Principal:
    """Return who comes where no key is needed; `said` is a credential that nothing checks."""
    # Otherwise a client could send another's address as its key, and use up that one's calls.
    return Principal(caller=_digest(f"key {said}" if said else f"address {address}"))


def of_key(key: AccessKey) -> Principal:
    """Return the holder of a key."""
    return Principal(
        caller=_digest(f"record {key.id}"),
        tenant=key.tenant,
        scopes=frozenset(key.scopes),
        key=key.id,
        of_keyring=True,
        limits=Limits(key.sessions, key.audio_s, key.calls),
        expires=key.expires,
    )


def of_token(key: AccessKey, claims: Claims, *, expired: bool) -> Principal:
    """Return the holder of a short-lived token, who counts as its key's."""
    of = of_key(key)
    return replace(
        of,
        scopes=_OF_A_TOKEN & of.scopes,
        expires=claims.expires,
        once=claims.once,
        bound=claims.options,
        resumes_only=expired,
    )


def of_subject(tenant: str, subject: str, scopes: frozenset[str], expires: int) -> Principal:
    """Return whom another authority vouches for."""
    return Principal(
        caller=_digest(f"subject {tenant}/{subject}"),
        tenant=tenant,
        scopes=scopes,
        expires=expires,
    )


def stranger(address: str) -> Principal:
    """Return who has shown no credential yet, and may do nothing until then."""
    return Principal(caller=_digest(f"address {address}"), tenant="", scopes=frozenset())


def of_port(tenant: str, address: str) -> Principal:
    """Return who calls at a port whose protocol carries no credential."""
    scopes = frozenset({"transcribe"})
    return Principal(caller=_digest(f"address {address}"), tenant=tenant, scopes=scopes)


def _digest(text: str) -> str:
    # A header may have any bytes, which stand in its text as surrogates.
    return blake2b(text.encode(errors="surrogateescape"), digest_size=16).hexdigest()
