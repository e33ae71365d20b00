"""A folder of files, which goes away as a volume does."""

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.sinks.kept import Kept, kept
from tests.chaos.sinks.receiver import Receiver


class Folder(Receiver):
    """The sink writes to a link, which leads nowhere while the folder is away."""

    name = "archive"

    async def open(self, folder: Path) -> None:
        """See `Receiver`."""
        self._folder, self._link = folder / "files", folder / "link"
        self._folder.mkdir()
        await self.start()

    @property
    def flags(self) -> Mapping[str, str]:
        """See `Receiver`."""
        return {"sinks": f"{self.name}=file:{self._link}"}

    async def start(self) -> None:
        """See `Receiver`."""
        self._lead_to(self._folder)

    async def die(self) -> None:
        """See `Receiver`."""
        self._lead_to(self._folder / "nowhere")

    async def suffer(self, how: str, seconds: float) -> None:
        """See `Receiver`."""
        await self.die()
        await asyncio.sleep(seconds)
        await self.start()

    async def kept(self) -> list[Kept]:
        """See `Receiver`."""
        return [_read(path) for path in sorted(self._folder.glob("*/*.ndjson"))]

    async def content(self) -> bytes:
        """See `Receiver`."""
        files = (path for path in self._folder.rglob("*") if path.is_file())
        return b"\n".join(path.read_bytes() for path in files)

    def _lead_to(self, place: Path) -> None:
        """Change the link in one step."""
        begun = self._link.with_suffix(".begun")
        begun.symlink_to(place)
        os.replace(begun, self._link)


def _read(path: Path) -> Kept:
    return read(str(path), path.read_bytes())


def read(where: str, content: bytes) -> Kept:
    """Read the file or the object of a call."""
    lines = [json.loads(line) for line in content.splitlines()]
    found = kept(lines[0]["session_id"], lines)
    if found.again:
        found.problems.append(f"{where} has a message twice")
    return found
