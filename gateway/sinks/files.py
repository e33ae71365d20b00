"""A folder as a sink: a file of each call, written whole once the call is over."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from gateway.calls.directory import Known
from gateway.sinks.every_call import EveryCall, Terms
from gateway.sinks.sink import Note

_MODE = 0o640


class Folder(EveryCall):
    """Implements `gateway.sinks.sink.Sink`; see `EveryCall`.

    A call is ``<folder>/<day on which it began, UTC>/<session>.ndjson``, a message a line. A file
    is there whole or not at all, and written again it is the same.
    """

    most = 0

    def __init__(self, terms: Terms, folder: Path) -> None:
        super().__init__(terms)
        self._folder = folder

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """See `Sink`."""
        yield

    async def put(self, known: Known, notes: Sequence[Note]) -> float | None:
        """See `Sink`."""
        day = datetime.fromtimestamp(known.opened / 1000, UTC).date().isoformat()
        path = self._folder / day / _name(known.session)
        lines = [json.dumps({"id": note.id, **note.message}, ensure_ascii=False) for note in notes]
        try:
            await asyncio.to_thread(_write, path, "".join(f"{line}\n" for line in lines).encode())
        except OSError as error:
            self._failed(error)
            return 0.0
        self._delivered()
        return None

    async def erase(self, session: str) -> bool:
        """See `Sink`."""
        try:
            await asyncio.to_thread(_remove, self._folder, _name(session))
        except OSError as error:
            self._failed(error)
            return False
        return True


def _name(session: str) -> str:
    return f"{quote(session, safe='')}.ndjson"


def _write(path: Path, content: bytes) -> None:
    """Put a file there that outlives a failure of power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_suffix(f".{os.getpid()}.begun")
    with open(begun, "wb", opener=lambda name, flags: os.open(name, flags, _MODE)) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    begun.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove(folder: Path, name: str) -> None:
    for path in folder.glob(f"*/{name}"):
        path.unlink(missing_ok=True)
