"""A folder that holds files by day."""

import asyncio
import glob
import os
import shutil
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import IO

from gateway.sinks.storage import Unavailable, is_day

_MODE = 0o640
_BEGUN = ".begun"
"""How the name of a file ends that is being written; of a gateway that died meanwhile, it stays."""


class Folder:
    """Implements `gateway.sinks.storage.Storage`. Several gateways may share one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """See `Storage`."""
        yield

    async def check(self) -> None:
        """See `Storage`."""
        with _explained():
            await asyncio.to_thread(_make, self._path)

    async def write(self, day: str, name: str, content: bytes | IO[bytes]) -> None:
        """See `Storage`."""
        with _explained():
            await asyncio.to_thread(_write, self._path / day / name, content)

    async def read(self, day: str, name: str) -> bytes | None:
        """See `Storage`."""
        with _explained():
            return await asyncio.to_thread(_read, self._path / day / name)

    async def remove(self, names: Sequence[str]) -> None:
        """See `Storage`."""
        with _explained():
            patterns = [glob.escape(name) for name in names]
            begun = [f"{each}.*{_BEGUN}" for each in patterns]
            await asyncio.to_thread(_remove, self._path, [*patterns, *begun])

    async def clear(self, beginning: str) -> None:
        """See `Storage`."""
        with _explained():
            await asyncio.to_thread(_remove, self._path, [f"{glob.escape(beginning)}*"])

    async def expire(self, oldest: str, suffixes: tuple[str, ...]) -> None:
        """See `Storage`."""
        with _explained():
            await asyncio.to_thread(_expire, self._path, oldest, (*suffixes, _BEGUN))


@contextmanager
def _explained() -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(str(error)) from error


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder} may not be written to")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(path: Path, content: bytes | IO[bytes]) -> None:
    """Put a file there that outlives a failure of power."""
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = path.with_name(f"{path.name}.{os.getpid()}{_BEGUN}")
    with open(begun, "wb", opener=lambda name, flags: os.open(name, flags, _MODE)) as file:
        if isinstance(content, bytes):
            file.write(content)
        else:
            shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())
    begun.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove(folder: Path, patterns: Sequence[str]) -> None:
    for pattern in patterns:
        for path in folder.glob(f"*/{pattern}"):
            path.unlink(missing_ok=True)


def _expire(folder: Path, oldest: str, suffixes: tuple[str, ...]) -> None:
    for day in folder.iterdir() if folder.exists() else ():
        if is_day(day.name) and day.name < oldest:
            for path in day.iterdir():
                if path.name.endswith(suffixes):
                    path.unlink(missing_ok=True)
            with suppress(OSError):  # others keep something there
                day.rmdir()
