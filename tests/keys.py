"""Keys of every kind, in a file that a gateway reads."""

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from common.pipeline.access import SCOPES, AccessKey, Scope, new_key


class Keys:
    """Keys of one tenant in a file: `whole` and `doomed` with every scope, and others with less.

    `unknown` is not among them. `forged` has the id of `whole`, and `stale` that of `revoked`.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._records: dict[str, AccessKey] = {}
        self.whole = self.add("acme", SCOPES)
        self.doomed = self.add("acme", SCOPES)
        self.caller = self.add("acme", ["transcribe"])
        self.reader = self.add("acme", ["read"])
        self.expired = self.add("acme", SCOPES, expires=1)
        self.revoked = self.add("acme", SCOPES, revoked=1)
        self.unknown = new_key("acme", SCOPES, _now()).key
        self.forged = _beside(self.whole)
        self.stale = _beside(self.revoked)

    def add(self, tenant: str, scopes: Iterable[Scope], **more: Any) -> str:
        """Make a key, which counts within a second; `more`: fields of `AccessKey`."""
        made = new_key(tenant, scopes, _now(), **more)
        self._records[made.key] = made.record
        self._write()
        return made.key

    def record(self, key: str) -> AccessKey:
        """Return what a gateway keeps of a key."""
        return self._records[key]

    def revoke(self, key: str) -> None:
        """Have a key count no more, within a second."""
        self._records[key] = replace(self._records[key], revoked=_now())
        self._write()

    def _write(self) -> None:
        # Never half a file: the gateway may be reading it.
        whole = self.file.with_suffix(".new")
        whole.write_text(json.dumps([each.described() for each in self._records.values()]))
        whole.replace(self.file)


def _beside(key: str) -> str:
    """Return a key with the same id and another secret."""
    return key[:-1] + ("A" if key[-1] != "A" else "B")


def _now() -> int:
    return int(time.time())
