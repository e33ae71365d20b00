"""A bucket of S3, or of what speaks its protocol, that holds files by day."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import IO, Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from gateway.sinks.bucket_address import BucketAddress, KeyFile
from gateway.sinks.storage import Unavailable, is_day

_REQUESTS = 16
"""At a time."""
_CONNECT = timedelta(seconds=5)
_ANSWER = timedelta(seconds=30)
_KEY_FROM_FILE = timedelta(minutes=5)
"""After which a key from a file is read again: it may have been exchanged."""
_CLOUD = "169.254.169.254"
"""Where a cloud gives its machines their keys."""
_KEY_FILE = re.compile(r"credential provider: ValueError: (.+)")
_CAUSE = re.compile(r'message: "([^"\\]+)"')
_REFUSED = re.compile(r"<Code>([^<]+)</Code>(?:\s*<Message>([^<]*)</Message>)?")


class Bucket:
    """Implements `gateway.sinks.storage.Storage`."""

    def __init__(self, address: BucketAddress) -> None:
        self._address = address
        self._requests = asyncio.Semaphore(_REQUESTS)
        self._store: Any = None

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """See `Storage`."""
        self._store = _store(self._address)
        yield

    async def check(self) -> None:
        """See `Storage`."""
        await self._days()

    async def write(self, day: str, name: str, content: bytes | IO[bytes]) -> None:
        """See `Storage`."""
        async with self._requests:
            with self._explained():
                await obstore.put_async(self._store, f"{day}/{name}", content)

    async def read(self, day: str, name: str) -> bytes | None:
        """See `Storage`."""
        async with self._requests:
            with self._explained():
                try:
                    found = await obstore.get_async(self._store, f"{day}/{name}")
                except FileNotFoundError:
                    return None
                return bytes(await found.bytes_async())

    async def remove(self, names: Sequence[str]) -> None:
        """See `Storage`."""
        await self._remove([f"{day}/{name}" for day in await self._days() for name in names])

    async def clear(self, beginning: str) -> None:
        """See `Storage`."""
        for day in await self._days():
            found = await self._files_of(day)
            await self._remove([p for p in found if p.rpartition("/")[2].startswith(beginning)])

    async def expire(self, oldest: str, suffixes: tuple[str, ...]) -> None:
        """See `Storage`."""
        for day in await self._days():
            if is_day(day) and day < oldest:
                await self._remove([p for p in await self._files_of(day) if p.endswith(suffixes)])

    async def _files_of(self, day: str) -> list[str]:
        async with self._requests:
            with self._explained():
                listed = await obstore.list(self._store, f"{day}/").collect_async()
                return [each["path"] for each in listed]

    async def _remove(self, paths: Sequence[str]) -> None:
        if paths:
            async with self._requests:
                with self._explained():
                    # A thousand a request; what is not there counts as removed.
                    await obstore.delete_async(self._store, paths)

    async def _days(self) -> list[str]:
        async with self._requests:
            with self._explained():
                listed = await obstore.list_with_delimiter_async(self._store)
                return list(listed["common_prefixes"])

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except BaseError as error:
            raise Unavailable(f"s3://{self._address.bucket}: {_reason(str(error))}") from None


def _store(address: BucketAddress) -> Any:
    options: dict[str, Any] = {"connect_timeout": _CONNECT, "timeout": _ANSWER}
    given: dict[str, Any] = {}
    if address.endpoint is not None:
        given["endpoint"] = address.endpoint
        options["allow_http"] = address.endpoint.startswith("http:")
    if address.region is not None:
        given["region"] = address.region
    if address.key_file is not None:
        given["credential_provider"] = _keys(address.key_file)
    return S3Store(
        address.bucket,
        prefix=address.prefix or None,
        client_options=options,
        # The sink tries again, and logs each attempt.
        retry_config={"max_retries": 1},
        **given,
    )


def _keys(file: KeyFile) -> Callable[[], dict[str, Any]]:
    def provide() -> dict[str, Any]:
        key = file.read()
        return {
            "access_key_id": key.id,
            "secret_access_key": key.secret,
            "token": key.token,
            "expires_at": datetime.now(UTC) + _KEY_FROM_FILE,
        }

    return provide


def _reason(error: str) -> str:
    """Return what an error says, without the request and the answer, which have parts of keys."""
    if (refused := _REFUSED.search(error)) is not None:
        code, message = refused.groups()
        return f"{code}: {message}" if message else code
    if (file := _KEY_FILE.search(error)) is not None:
        return file.group(1)
    if _CLOUD in error:
        return "no key is in the environment or in a file, and this machine's cloud gives none"
    said = error.partition("\n")[0].rpartition(" - ")[2]
    causes = _CAUSE.findall(error)
    return f"{said}: {causes[-1]}" if causes else said
