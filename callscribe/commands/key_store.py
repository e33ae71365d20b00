"""Where API keys are kept, and what can be done with them."""

import json
import os
import stat
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from callscribe.commands.bus import connected
from common.bus import commands
from common.errors import SettingsError
from common.lifecycle import EXIT_OK
from common.pipeline.access import SCOPES, AccessKey, Scope, new_key
from common.redis.replies import pairs
from common.secret_url import SecretUrl

_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a new key is to be like; see `AccessKey`. `days` until it expires, 0 for never."""

    tenant: str
    scopes: tuple[Scope, ...]
    name: str = ""
    days: int = 0
    sessions: int = 0
    audio_s: int = 0
    calls: int = 0
    retention_s: int = 0


class KeyStore(Protocol):
    """Keeps keys."""

    async def read(self) -> Mapping[str, AccessKey]:
        """Return all keys by their ids."""

    async def write(self, key: AccessKey) -> None:
        """Keep a key, in place of the one with its id."""


class RedisKeys:
    """Those of a deployment, which all of its gateways follow."""

    def __init__(self, url: SecretUrl) -> None:
        self._url = url

    async def read(self) -> Mapping[str, AccessKey]:
        """See `KeyStore`. Raises BusUnavailable or CommandRefused."""
        async with connected(self._url, "keys") as link:
            found = await link.call(*commands.access_keys())
        kept = dict(pairs(found))
        return {name.decode(): AccessKey.unpacked(record) for name, record in kept.items() if name}

    async def write(self, key: AccessKey) -> None:
        """See `KeyStore`. Raises BusUnavailable or CommandRefused."""
        async with connected(self._url, "keys") as link:
            for command in commands.keep_access_key(key.id, key.packed()):
                await link.call(*command)


class FileKeys:
    """Those of a file, for `--keys-file`; only its owner may read a new one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> Mapping[str, AccessKey]:
        """See `KeyStore`. Raises SettingsError."""
        if not self._path.exists():
            return {}
        try:
            listed = [AccessKey.read(each) for each in json.loads(self._path.read_text("utf-8"))]
        except (OSError, ValueError, TypeError) as error:
            raise SettingsError(f"--file: {self._path}: {error}") from None
        return {each.id: each for each in listed}

    async def write(self, key: AccessKey) -> None:
        """See `KeyStore`. Raises SettingsError."""
        every = {**await self.read(), key.id: key}
        text = json.dumps([each.described() for each in every.values()], indent=2)
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            beside.touch(mode=0o600)
            if self._path.exists():  # the gateway that reads it may be another user's
                former = self._path.stat()
                os.chown(beside, former.st_uid, former.st_gid)
                beside.chmod(stat.S_IMODE(former.st_mode))
            beside.write_text(text + "\n", "utf-8")
            beside.replace(self._path)  # a gateway never reads half of it
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise SettingsError(f"--file: {self._path}: {error.strerror}") from None


async def keep(store: KeyStore, terms: Terms) -> int:
    """Make a key and print it. Raises SettingsError."""
    now = _now()
    try:
        made = new_key(
            terms.tenant,
            terms.scopes,
            now,
            name=terms.name,
            expires=now + terms.days * _DAY if terms.days else 0,
            sessions=terms.sessions,
            audio_s=terms.audio_s,
            calls=terms.calls,
            retention_s=terms.retention_s,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None
    await store.write(made.record)
    _tell_once(made.key)
    return EXIT_OK


async def listed(store: KeyStore, tenant: str | None, *, as_json: bool) -> int:
    """Print all keys, or those of one tenant."""
    every = (await store.read()).values()
    keys = sorted(
        (key for key in every if tenant in (None, key.tenant)),
        key=lambda key: (key.tenant, key.created),
    )
    if as_json:
        print(json.dumps([key.described() for key in keys], indent=2))
        return EXIT_OK
    now = _now()
    for key in keys:
        scopes = ",".join(key.scopes)
        made = datetime.fromtimestamp(key.created, UTC).date()
        line = f"{key.id}  {_state(key, now):8}  {made}  {key.tenant}  {scopes}  {key.name}"
        print(line.rstrip())
    return EXIT_OK


async def revoke(store: KeyStore, name: str) -> int:
    """End a key. Raises SettingsError if there is none."""
    key = await _found(store, name)
    await store.write(replace(key, revoked=key.revoked or _now()))
    print(f"{key.id} of {key.tenant} is revoked; its calls end", file=sys.stderr)
    return EXIT_OK


async def rotate(store: KeyStore, name: str, *, grace: int) -> int:
    """Make another key like this one, which expires in `grace` seconds, and print it."""
    old = await _found(store, name)
    now = _now()
    if _state(old, now) != "valid":
        raise SettingsError(f"{name} is {_state(old, now)}: make a new key")
    fresh = new_key(
        old.tenant,
        [scope for scope in SCOPES if scope in old.scopes],
        now,
        name=old.name,
        expires=old.expires,
        sessions=old.sessions,
        audio_s=old.audio_s,
        calls=old.calls,
        retention_s=old.retention_s,
    )
    await store.write(fresh.record)
    until = now + grace
    await store.write(replace(old, expires=min(until, old.expires) if old.expires else until))
    _tell_once(fresh.key)
    return EXIT_OK


async def _found(store: KeyStore, name: str) -> AccessKey:
    key = (await store.read()).get(name)
    if key is None:
        raise SettingsError(f"there is no key {name!r}; `callscribe keys list` shows all")
    return key


def _tell_once(key: str) -> None:
    print(key)
    print("this is the only time that the key is shown", file=sys.stderr)


def _state(key: AccessKey, now: int) -> str:
    if key.revoked:
        return "revoked"
    return "expired" if key.expires and key.expires <= now else "valid"


def _now() -> int:
    return int(time.time())
