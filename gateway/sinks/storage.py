"""What holds files by day, whole or not at all: a folder, or a bucket."""

import re
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import IO, Protocol
from urllib.parse import quote

from gateway.calls.directory import Known


class Unavailable(Exception):
    """The storage could not do it now; the text says why, without a secret."""


class Storage(Protocol):
    """Holds files as ``<day>/<name>``. Every method raises Unavailable."""

    def opened(self) -> AbstractAsyncContextManager[None]:
        """Return what holds its connections. It does not need to reach anything to begin."""

    async def check(self) -> None:
        """Find out whether it can be reached and lets us in."""

    async def write(self, day: str, name: str, content: bytes | IO[bytes]) -> None:
        """Put a file there, or the same one again; a file that is there is whole and lasts.

        Of an open file it is what follows where that stands.
        """

    async def read(self, day: str, name: str) -> bytes | None:
        """Return what is in a file; None if there is none."""

    async def remove(self, names: Sequence[str]) -> None:
        """Remove the files with these names, of whatever day."""

    async def clear(self, beginning: str) -> None:
        """Remove the files whose names begin so, of whatever day."""

    async def expire(self, oldest: str, suffixes: tuple[str, ...]) -> None:
        """Remove the files of days before `oldest` whose names end so."""


def is_day(name: str) -> bool:
    """Tell whether something is named as a day is."""
    return re.fullmatch(r"\d{4}-\d\d-\d\d", name, re.ASCII) is not None


def day_of(known: Known) -> str:
    """Return the day on which a call began, UTC: 2026-11-25."""
    return datetime.fromtimestamp(known.opened / 1000, UTC).date().isoformat()


def stem_of(session: str) -> str:
    """Return what the names of a call's files begin with; it has no slash, and no dot but its own.

    A client may choose its session's id.
    """
    return quote(session, safe="")
