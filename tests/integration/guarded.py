"""A stack whose gateway needs keys, and keys of every kind."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from callscribe.local.embedded_redis import EmbeddedRedis
from common.pipeline.access import SCOPES, AccessKey, NewKey, new_key
from tests.integration.conftest import RunningStack, running_stack


class Keys:
    """Keys of one tenant in a file: `whole` and `doomed` with every scope, and others with less."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._records: list[AccessKey] = []
        self.whole = self._add(new_key("acme", SCOPES, _now()))
        self.doomed = self._add(new_key("acme", SCOPES, _now()))
        self.caller = self._add(new_key("acme", ["transcribe"], _now()))
        self.reader = self._add(new_key("acme", ["read"], _now()))
        self.expired = self._add(new_key("acme", SCOPES, _now(), expires=1))
        self.revoked = self._add(new_key("acme", SCOPES, _now(), revoked=1))
        self.unknown = new_key("acme", SCOPES, _now()).key
        self._write()

    def revoke(self, key: str) -> None:
        """Have a key count no more, within a second."""
        self._records = [
            replace(each, revoked=_now()) if f"cs_{each.id}_" in key else each
            for each in self._records
        ]
        self._write()

    def _add(self, made: NewKey) -> str:
        self._records.append(made.record)
        return made.key

    def _write(self) -> None:
        # Never half a file: the gateway may be reading it.
        whole = self.file.with_suffix(".new")
        whole.write_text(json.dumps([each.described() for each in self._records]))
        whole.replace(self.file)


@dataclass(frozen=True)
class Guarded:
    """A running stack, and the keys that it knows."""

    stack: RunningStack
    keys: Keys

    @property
    def pages(self) -> str:
        """The address of its page and resources."""
        return f"http://127.0.0.1:{self.stack.port}"


@contextmanager
def guarded_stack(folder: Path) -> Iterator[Guarded]:
    """Start a stack that needs keys."""
    keys = Keys(folder / "keys.json")
    with EmbeddedRedis() as own, running_stack(own.url, "--keys-file", str(keys.file)) as stack:
        yield Guarded(stack, keys)


def _now() -> int:
    return int(time.time())
