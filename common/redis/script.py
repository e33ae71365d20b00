"""A Lua script for Redis, called by its digest if Redis knows it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import TypeAlias

from common.redis.resp import Argument, Command


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the digest Redis caches it under."""

    source: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        digest = sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)


ScriptCall: TypeAlias = tuple[Script, Sequence[bytes], Sequence[Argument]]
"""A script, its keys and its arguments."""


def by_digest(script: Script, keys: Sequence[bytes], arguments: Sequence[Argument]) -> Command:
    """Return the command that runs a script Redis knows."""
    return ("EVALSHA", script.digest, len(keys), *keys, *arguments)


def by_source(script: Script, keys: Sequence[bytes], arguments: Sequence[Argument]) -> Command:
    """Return the command that runs a script and loads it into Redis."""
    return ("EVAL", script.source, len(keys), *keys, *arguments)
