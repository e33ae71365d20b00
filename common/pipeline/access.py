"""API keys: who may use a deployment, for what, and how much of it.

A key is ``cs_<id>_<secret>``. The id finds its record; the record has only a digest of the whole
key. The secret has 256 random bits, so a plain hash cannot be searched (which passwords would need
a slow one for).
"""

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from common.pipeline.record import Message, pack

Scope: TypeAlias = Literal["transcribe", "read", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""Make calls; read calls, transcripts and usage of the tenant; see and do what operators do."""

OPEN_TENANT = "default"
"""Tenant of every call where no keys are needed."""

_PREFIX = "cs"
_KEY = re.compile(rf"{_PREFIX}_(?P<id>[a-z0-9]{{8}})_(?P<secret>[A-Za-z0-9_-]{{43}})")
_TENANT = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """What is kept of one API key. Times are s since 1970; a limit of 0 is none.

    `digest`: SHA-256 of the whole key, in hexadecimal. `sessions`: calls at a time. `audio_s`:
    seconds of audio a day, all legs, UTC. `calls`: new calls a minute. `retention_s`: how long its
    tenant's transcripts stay, 0 where it does not say; the shortest of a tenant's keys counts.
    """

    id: str
    digest: str
    tenant: str
    scopes: tuple[str, ...]
    created: int
    name: str = ""
    expires: int = 0
    revoked: int = 0
    sessions: int = 0
    audio_s: int = 0
    calls: int = 0
    retention_s: int = 0

    def packed(self) -> bytes:
        """Encode for Redis, in a way that does not depend on the wire version."""
        return json.dumps(self.described()).encode()

    @classmethod
    def unpacked(cls, stored: bytes) -> "AccessKey":
        """Read what `packed` wrote, perhaps of a later release; ValueError for other data."""
        described = json.loads(stored)
        if not isinstance(described, dict):
            raise ValueError("not a key")
        known = {each.name for each in fields(cls)}
        return cls.read({name: value for name, value in described.items() if name in known})

    def described(self) -> dict[str, Any]:
        """Return it as JSON-able values, as a keys file has it."""
        return {**asdict(self), "scopes": list(self.scopes)}

    @classmethod
    def read(cls, described: Mapping[str, Any]) -> "AccessKey":
        """Read an entry of a keys file. ValueError names what is wrong."""
        known = {each.name for each in fields(cls)}
        if unknown := set(described) - known:
            raise ValueError(
                f"no field {sorted(unknown)[0]!r}; there are {', '.join(sorted(known))}"
            )
        for name in ("id", "digest", "tenant", "scopes", "created"):
            if name not in described:
                raise ValueError(f"{name} is missing")
        if not isinstance(described["scopes"], list | tuple):
            raise ValueError("scopes is no list")
        scopes = tuple(described["scopes"])
        check_tenant(described["tenant"])
        check_scopes(scopes)
        # A message checks the type of every field.
        return _CHECKED.unpack(pack(cls(**{**described, "scopes": scopes})))


_CHECKED = Message(AccessKey)


class NewKey(NamedTuple):
    """A key as its owner gets it, once, and what is kept of it."""

    key: str
    record: AccessKey


def new_key(tenant: str, scopes: Iterable[Scope], now: int, **more: Any) -> NewKey:
    """Make a key; `more`: fields of `AccessKey`. ValueError for a tenant or scope that is none."""
    check_tenant(tenant)
    asked = tuple(scopes)
    check_scopes(asked)
    name = "".join(secrets.choice(_LETTERS) for _ in range(8))
    key = f"{_PREFIX}_{name}_{secrets.token_urlsafe(32)}"
    record = AccessKey(
        id=name, digest=digest(key), tenant=tenant, scopes=asked, created=now, **more
    )
    return NewKey(key, record)


def digest(key: str) -> str:
    """Return what is kept of a key."""
    return sha256(key.encode()).hexdigest()


def key_id(text: str) -> str | None:
    """Return the id in a key; None if the text is none."""
    found = _KEY.fullmatch(text)
    return None if found is None else found["id"]


def check_tenant(tenant: str) -> None:
    """Raise ValueError for a name that no tenant can have."""
    if not isinstance(tenant, str) or _TENANT.fullmatch(tenant) is None:
        allowed = "a-z, 0-9, '.', '_' and '-', at most 63, not beginning with a sign"
        raise ValueError(f"a tenant's name has {allowed}; this is {str(tenant)[:80]!r}")


def check_scopes(scopes: Iterable[str]) -> None:
    """Raise ValueError where there is no scope, or one that is none."""
    asked = list(scopes)
    if not asked:
        raise ValueError(f"a key needs a scope: {', '.join(SCOPES)}")
    for scope in asked:
        if scope not in SCOPES:
            raise ValueError(f"{scope!r} is no scope; there are {', '.join(SCOPES)}")
