"""All API keys, as this gateway knows them: those in Redis and those of a file.

Both are looked at several times a second, so a key that is revoked counts nowhere any more within
a second. While Redis is away the keys last read count.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from common.bus import commands
from common.errors import SettingsError
from common.pipeline.access import AccessKey
from common.redis.link import Link
from common.redis.replies import pairs
from common.telemetry.logs import Log
from gateway.access.stamp import stamp

_LOOK_EVERY = 0.25

_log = Log(__name__)


class Keyring:
    """Finds keys by their ids. `changed` is called when any has changed."""

    def __init__(self, link: Link, file: Path | None, changed: Callable[[], None]) -> None:
        self._link = link
        self._file = file
        self._changed = changed
        self._version: bytes | None = None
        self._stamp: tuple[int, int] | None = None
        self._of_redis: Mapping[str, AccessKey] = {}
        self._of_file: Mapping[str, AccessKey] = {}
        self._retention: Mapping[str, int] = {}
        self._needed = False

    def __bool__(self) -> bool:
        """Whether there has been any key, even a revoked one.

        A Redis that has lost its keys, or a file that lists none, opens no gateway that runs.
        """
        return self._needed

    def find(self, name: str) -> AccessKey | None:
        """Return the key with this id; one of Redis comes before one of the file."""
        return self._of_redis.get(name) or self._of_file.get(name)

    def retention_of(self, tenant: str) -> int:
        """Return how long a tenant's transcripts stay, in s; 0 where no key of it says so."""
        return self._retention.get(tenant, 0)

    async def start(self) -> None:
        """Read all keys. Raises SettingsError if the file cannot be read; waits for Redis."""
        if self._file is not None:
            self._stamp = stamp(self._file)
            try:
                self._of_file = read_file(self._file)
            except (OSError, ValueError) as error:
                raise SettingsError(f"--keys-file: {error}") from None
        await self._look_into_redis()
        self._know()

    async def run(self) -> None:
        """Follow the changes, for ever; those of the file also while Redis is away."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._follow(self._look_into_redis))
            both.create_task(self._follow(self._look_into_file))

    async def _follow(self, look: Callable[[], Awaitable[bool]]) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            if await look():
                self._know()
                self._changed()

    def _know(self) -> None:
        known = {**self._of_file, **self._of_redis}
        if self._needed and not known:
            _log.error("access.no_keys", reason="all keys are gone; nobody is let in without one")
        self._needed = self._needed or bool(known)
        self._retention = retention(known.values())

    async def _look_into_redis(self) -> bool:
        (version,) = await self._link.insist([commands.access_version()])
        if version == self._version:
            return False
        (listed,) = await self._link.insist([commands.access_keys()])
        kept = dict(pairs(listed))
        self._version = kept.pop(b"", None)
        found: dict[str, AccessKey] = {}
        for name, record in kept.items():
            try:
                found[name.decode()] = AccessKey.unpacked(record)
            except ValueError as error:
                _log.error("access.unreadable", key=name.decode(), reason=str(error))
        self._of_redis = found
        return True

    async def _look_into_file(self) -> bool:
        if self._file is None:
            return False
        now = stamp(self._file)
        if now == self._stamp:
            return False
        self._stamp = now
        try:
            self._of_file = read_file(self._file)
        except (OSError, ValueError) as error:
            # The former keys go on to count: half a file must lock nobody out.
            _log.error("access.unreadable", file=str(self._file), reason=str(error))
            return False
        return True


def retention(keys: Iterable[AccessKey]) -> dict[str, int]:
    """Return the shortest retention that the keys of each tenant have, in s.

    A key that has expired counts, so that none of its tenant's calls stay longer from then on.
    """
    found: dict[str, int] = {}
    for key in keys:
        if key.retention_s and not key.revoked:
            found[key.tenant] = min(key.retention_s, found.get(key.tenant, key.retention_s))
    return found


def read_file(path: Path) -> dict[str, AccessKey]:
    """Read a keys file: a JSON list of objects as `callscribe keys list --json` prints them.

    Raises OSError or ValueError.
    """
    described = json.loads(path.read_text("utf-8"))
    if not isinstance(described, list) or not all(isinstance(each, dict) for each in described):
        raise ValueError(f"{path} is no list of keys")
    found: dict[str, AccessKey] = {}
    for number, each in enumerate(described, 1):
        try:
            key = AccessKey.read(each)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, key {number}: {error}") from None
        found[key.id] = key
    return found
